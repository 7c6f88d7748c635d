import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ControlStore } from '@loom/control-store';
import type { EventStream } from '@loom/event-stream';
import {
  cosignerOf,
  nodeCrypto,
  publicKeyOf,
  signEd25519,
  utf8,
  verifierOf,
  verifyNote,
  Witness,
} from '@loom/ledger';
import type { Signer } from '@loom/signer';
import { topics } from '@loom/trace-schema';
import { recordOf, TestEmitter } from '../testing/events.ts';
import { LedgerFixture, until } from '../testing/ledger-fixture.ts';
import { AnchorRun } from './anchor-run.ts';
import { WitnessAnchor } from './witness-anchor.ts';

interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

type Answer = (received: Received, response: ServerResponse) => unknown;

/** A real server of a test, with what it was sent. */
class Receiver {
  readonly received: Received[] = [];
  readonly #server: Server;
  constructor(answer: Answer = (_received, response) => response.end()) {
    this.#server = createServer((request, response) => {
      void (async () => {
        const pieces: Buffer[] = [];
        for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
        const { method, url: path, headers } = request;
        const received = { method, path, headers, body: Buffer.concat(pieces) };
        this.received.push(received);
        await answer(received, response);
      })();
    });
  }
  async listen(port = 0): Promise<URL> {
    await once(this.#server.listen(port, '127.0.0.1'), 'listening');
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const seed = nodeCrypto.sha256(utf8('a witness'));
const witnessKey = {
  name: 'witness.test/w1',
  publicKey: publicKeyOf(seed),
  sign: (message: Uint8Array) => Promise.resolve(signEd25519(seed, message)),
};
const verifier = cosignerOf(nodeCrypto, witnessKey);

describe('Anchors', () => {
  let fixture: LedgerFixture;
  let store: ControlStore;
  let signer: Signer;
  let stream: EventStream;
  let projectId: string;
  const receivers: Receiver[] = [];
  const never = new AbortController().signal;

  beforeAll(async () => {
    fixture = await LedgerFixture.open();
    ({ store, signer } = fixture.opened);
  });
  afterAll(() => fixture.close());
  beforeEach(async () => {
    ({ stream, projectId } = await fixture.beginTest());
  });
  afterEach(async () => {
    await fixture.endTest();
    for (const receiver of receivers.splice(0)) await receiver.close();
  });

  const emitter = new TestEmitter();
  const seal = async () => {
    const call = emitter.call(projectId, { userId: 'ada', request: 'prompt', response: 'answer' });
    const records = [call.accepted, call.chunks, call.ended].map(recordOf);
    const before = (await store.ledger.readCheckpoint(projectId))?.size ?? 0;
    await (await stream.producer(topics.traces)).append(records);
    return fixture.checkpointOf(before + 2);
  };
  const receiver = async (
    answer?: Answer,
  ): Promise<{ url: URL; received: Received[]; receiver: Receiver }> => {
    const made = new Receiver(answer);
    receivers.push(made);
    return { url: await made.listen(), received: made.received, receiver: made };
  };
  const witnessServer = async () => {
    const notes = new Map<string, string>();
    const logs = (await signer.keys()).map(verifierOf);
    const kept = {
      read: (origin: string) => Promise.resolve(notes.get(origin) ?? null),
      write: (origin: string, note: string) => Promise.resolve(void notes.set(origin, note)),
    };
    const witness = new Witness({ crypto: nodeCrypto, store: kept, key: witnessKey, logs });
    const answer: Answer = async ({ path, body }, response) => {
      expect(path).toBe('/w/add-checkpoint');
      const { status, contentType, body: text } = await witness.addCheckpoint(body);
      response.writeHead(status, { 'content-type': contentType }).end(text);
    };
    return answer;
  };
  const stateOf = async (anchor: string) =>
    (await store.ledger.listAnchors(projectId)).find((state) => state.anchor === anchor);
  const cosignaturesOf = (size: number) =>
    until(async () => {
      const found = await store.ledger.listCosignatures(projectId, size);
      return found.length > 0 && found;
    });

  it('has each checkpoint cosigned by a witness, with cosignatures that hold', async () => {
    const { url } = await receiver(await witnessServer());
    url.pathname = '/w/';
    await fixture.startLedger({ LOOM_LEDGER_WITNESSES: [{ verifier, url }] });
    for (let round = 0; round < 3; round += 1) {
      const { size, note } = await seal();
      const [cosignature] = await cosignaturesOf(size);
      const known = [...(await signer.keys()).map(verifierOf), verifier];
      const { verified } = verifyNote(nodeCrypto, note + cosignature!.line, known);
      expect(verified.map((one) => one.verifier.name).sort()).toEqual(['loom.test', 'witness.test/w1']);
      expect(Math.abs(cosignature!.cosignedAtMs - Date.now())).toBeLessThan(30_000);
      const state = await until(async () => {
        const found = await stateOf('witness.test/w1');
        return found?.size === size && found;
      });
      expect(state.error).toBeNull();
    }
  }, 60_000);

  it('goes on from the size that the witness has, when it is told', async () => {
    const { url, received } = await receiver(await witnessServer());
    url.pathname = '/w';
    await fixture.startLedger({});
    const anchor = new WitnessAnchor(store.ledger, { verifier, url });
    const origin = `loom.test/ledger/${projectId}`;
    for (const { size, note } of [await seal(), await seal()]) {
      await anchor.bring({ projectId, origin, size, note, lastSize: 0 }, never);
      expect(await cosignaturesOf(size)).toHaveLength(1);
    }
    const asked = received.map(({ body }) => body.toString().split('\n')[0]);
    expect(asked).toEqual(['old 0', 'old 0', `old 2`]);
  }, 30_000);

  it('seals on while a witness is away, says so, and brings only the newest when it is back', async () => {
    const away = new Receiver();
    const url = await away.listen();
    await away.close();
    url.pathname = '/w';
    await fixture.startLedger({ LOOM_LEDGER_WITNESSES: [{ verifier, url }] });
    const first = await seal();
    const failed = await until(() => stateOf('witness.test/w1'));
    expect(failed).toMatchObject({ size: 0, error: `${url.host} does not answer: ECONNREFUSED` });
    expect((await fixture.metrics.render()).body).toMatch(/loom_ledger_anchor_failures_total [1-9]/);
    const second = await seal();
    const back = new Receiver(await witnessServer());
    receivers.push(back);
    await back.listen(Number(url.port));
    await cosignaturesOf(second.size);
    expect(await store.ledger.listCosignatures(projectId, first.size)).toEqual([]);
  }, 60_000);

  it('keeps no cosignature that does not hold, and says when a witness contradicts the log', async () => {
    let answer: Answer = () => undefined;
    const { url } = await receiver((...args) => answer(...args));
    await fixture.startLedger({});
    await seal();
    const failures: string[] = [];
    const anchor = new WitnessAnchor(store.ledger, { verifier, url });
    const run = new AnchorRun(anchor, {
      store: store.ledger,
      logger: fixture.logger,
      onFailure: () => failures.push(''),
    });
    const errorAfter = async (next: Answer) => {
      answer = next;
      await run.round(never);
      return (await stateOf('witness.test/w1'))?.error;
    };
    const forged = `\u2014 witness.test/w1 ${Buffer.concat([
      Buffer.from(verifier.keyId.toString(16).padStart(8, '0'), 'hex'),
      Buffer.alloc(72),
    ]).toString('base64')}\n`;
    const conflict =
      (size: string): Answer =>
      (_received, response) =>
        response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end(size);
    expect(await errorAfter((_received, response) => response.end(forged))).toContain('does not hold');
    expect(await errorAfter((_received, response) => response.end('yes'))).toContain('malformed');
    expect(
      await errorAfter((_received, response) => response.writeHead(302, { location: '/' }).end()),
    ).toContain('answers 302');
    expect(await errorAfter(conflict('0\n'))).toContain('another root of size 0');
    expect(await errorAfter(conflict('900\n'))).toContain('larger than the log');
    expect(await errorAfter(conflict('many\n'))).toContain('answers 409');
    expect(failures.length).toBeGreaterThanOrEqual(6);
    expect(await store.ledger.listCosignatures(projectId, 2)).toEqual([]);
  }, 30_000);

  it('sends checkpoints to webhooks and into a bucket that locks them', async () => {
    const hook = await receiver();
    const bucket = await receiver();
    const bucketUrl = new URL(`http://AKID:s%2Fcret@${bucket.url.host}/records/loom?region=eu-central-1`);
    await fixture.startLedger({
      LOOM_LEDGER_WEBHOOKS: [new URL('/hook?t=1', hook.url)],
      LOOM_LEDGER_BUCKET_URL: bucketUrl,
    });
    const { size, note } = await seal();
    const ours = async ({ received }: { received: Received[] }) =>
      until(() => Promise.resolve(received.find(({ body }) => body.toString() === note)));
    const origin = `loom.test/ledger/${projectId}`;
    expect(await ours(hook)).toMatchObject({
      ...{ method: 'POST', path: '/hook?t=1' },
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'x-loom-origin': origin,
        'x-loom-size': String(size),
      },
    });
    const put = await ours(bucket);
    expect(put).toMatchObject({
      ...{ method: 'PUT', path: `/records/loom/${origin}/${String(size).padStart(16, '0')}.note` },
      headers: {
        'content-md5': createHash('md5').update(note).digest('base64'),
        'x-amz-content-sha256': createHash('sha256').update(note).digest('hex'),
        'x-amz-object-lock-mode': 'COMPLIANCE',
      },
    });
    const keptUntil = Date.parse(String(put.headers['x-amz-object-lock-retain-until-date']));
    expect(Math.abs(keptUntil - Date.now() - 86_400_000)).toBeLessThan(60_000);
    expect(put.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=content-md5;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-object-lock-mode;x-amz-object-lock-retain-until-date, Signature=[0-9a-f]{64}$/,
    );
    const names = await until(async () => {
      const states = await store.ledger.listAnchors(projectId);
      return states.length === 2 && states.map(({ anchor }) => anchor);
    });
    for (const secret of ['cret', 't=1', '/hook']) expect(names.join()).not.toContain(secret);
  }, 30_000);
});
