import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  CompactRange,
  leafHash,
  nodeCrypto,
  parseVerifierKey,
  publicKeyOf,
  readCosignature,
  signEd25519,
  signNote,
  utf8,
  verifierOf,
  writeAddCheckpoint,
  writeCheckpoint,
  writeVerifierKey,
} from '@loom/ledger';
import { runCli } from '../program.ts';

const seed = nodeCrypto.sha256(utf8('the key of a log'));
const logKey = {
  name: 'loom.test',
  publicKey: publicKeyOf(seed),
  sign: (message: Uint8Array) => Promise.resolve(signEd25519(seed, message)),
};
const logVkey = writeVerifierKey(verifierOf(logKey));

function noteOf(size: number): Promise<string> {
  const range = new CompactRange(nodeCrypto);
  for (let at = 0; at < size; at += 1) range.append(leafHash(nodeCrypto, utf8(`leaf ${at}`)));
  return signNote(
    [logKey],
    writeCheckpoint({ origin: 'loom.test/ledger/p1', size, root: range.root(), extensions: [] }),
  );
}

describe('loom witness', () => {
  let directory: string;
  const stops: (() => Promise<number>)[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'loom-witness-'));
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await rm(directory, { recursive: true });
  });

  const run = (args: readonly string[]) => {
    const ended = new AbortController();
    const said = { out: '', error: '' };
    const code = runCli(
      ['witness', '--name', 'witness.test/w1', '--dir', directory, '--listen', '127.0.0.1:0', ...args],
      () => {
        throw new Error('needs no deployment');
      },
      {
        out: (text) => (said.out += text),
        error: (text) => (said.error += text),
        signal: ended.signal,
      },
    );
    const stop = () => {
      ended.abort();
      return code;
    };
    return { said, code, stop };
  };
  const start = async () => {
    const { said, code, stop } = run(['--log', logVkey]);
    stops.push(stop);
    const over = code.then(() => true);
    while (!said.out.includes('Listening on ')) {
      if (await Promise.race([over, delay(5, false)])) throw new Error(said.error);
    }
    const [vkey = '', line = ''] = said.out.split('\n');
    const url = `${line.replace('Listening on ', '')}/add-checkpoint`;
    const post = (body: string) => fetch(url, { method: 'POST', body });
    return { vkey, url, post, stop };
  };

  it('cosigns over HTTP, and after a start anew knows what it has cosigned, under the same key', async () => {
    const first = await start();
    const note = await noteOf(4);
    const response = await first.post(writeAddCheckpoint({ oldSize: 0, proof: [], note }));
    expect(response.status).toBe(200);
    const answer = await response.text();
    const witness = parseVerifierKey(nodeCrypto, first.vkey);
    expect(readCosignature(nodeCrypto, note, answer, witness).line).toBe(answer);
    expect(await first.stop()).toBe(0);
    expect((await readdir(directory)).filter((name) => !name.endsWith('.note'))).toEqual(['key']);
    expect((await stat(join(directory, 'key'))).mode & 0o777).toBe(0o600);

    const second = await start();
    expect(second.vkey).toBe(first.vkey);
    const again = await second.post(writeAddCheckpoint({ oldSize: 0, proof: [], note: await noteOf(5) }));
    expect([again.status, again.headers.get('content-type'), await again.text()]).toEqual([
      409,
      'text/x.tlog.size',
      '4\n',
    ]);
  });

  it('refuses other requests, large ones and broken ones, and goes on', async () => {
    const { url, post } = await start();
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(`${url}/more`, { method: 'POST' })).status).toBe(404);
    expect((await post('old')).status).toBe(400);
    expect((await post('x'.repeat(64 * 1024 + 1))).status).toBe(413);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nold 0');
    await delay(20);
    socket.destroy();
    const note = await noteOf(1);
    expect((await post(writeAddCheckpoint({ oldSize: 0, proof: [], note }))).status).toBe(200);
  });

  it('does not share its directory; takes over what a dead process has left', async () => {
    const { post, stop } = await start();
    const other = run(['--log', logVkey]);
    expect(await other.code).not.toBe(0);
    expect(other.said.error).toContain('another witness');
    // Somebody who cannot see that it lives, such as in another container.
    await writeFile(join(directory, 'lock'), '1 other\n');
    const answer = await post(writeAddCheckpoint({ oldSize: 0, proof: [], note: await noteOf(1) }));
    expect(answer.status).toBe(500);
    await stop();
    await writeFile(join(directory, 'lock'), '4194304999 dead\n');
    const next = await start();
    const first = writeAddCheckpoint({ oldSize: 0, proof: [], note: await noteOf(1) });
    expect((await next.post(first)).status).toBe(200);
  });

  it('says what is wrong with its options', async () => {
    const cases: [string[], string][] = [
      [[], 'log'],
      [['--log', 'loom.test+1234'], 'verifier key'],
      [['--log', logVkey, '--listen', 'nowhere'], '--listen'],
      [['--log', logVkey, '--name', 'two words'], '--name'],
    ];
    for (const [args, why] of cases) {
      const { code, said } = run(args);
      expect([args, await code]).toEqual([args, 4]);
      expect(said.error).toContain(why);
    }
    await writeFile(join(directory, 'key'), 'PRIVATE+KEY+x+y+z\n');
    const { code, said } = run(['--log', logVkey]);
    expect(await code).toBe(4);
    expect(said.error).toContain('no key of a witness');
  });
});
