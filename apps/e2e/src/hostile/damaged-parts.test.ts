import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Rewriter } from '@loom/trace-store/testing';
import { Deployment, eventually, startMsMax } from '../testing/deployment.ts';

/*
 * Bytes of the trace store's files are turned over. `loom fsck --deep` goes on past what the engine cannot read, and names
 * each call and leaf of it.
 */
const callCount = 12;

let loom: Deployment;
let rewriter: Rewriter;

beforeAll(async () => {
  loom = await Deployment.start({ LOOM_LEDGER_SEAL_INTERVAL: '200ms' });
  const engines = JSON.parse(await readFile(join(loom.home, 'engines.json'), 'utf8')) as {
    traceStoreUrl: string;
  };
  rewriter = new Rewriter(new URL(engines.traceStoreUrl));
  const { gatewayUrl, apiKey } = await loom.runtime();
  for (let n = 0; n < callCount; n += 1) {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ model: 'loom-sim', messages: [{ role: 'user', content: `ask ${n}` }] });
    await (await fetch(`${gatewayUrl}/v1/chat/completions`, { method: 'POST', headers, body })).text();
  }
  await eventually(
    () => rewriter.select('SELECT id FROM costs'),
    (rows) => rows.length === callCount,
  );
  // One part each, so that the damage is that of every call.
  for (const table of ['spans', 'span_payloads']) await rewriter.run(`OPTIMIZE TABLE ${table} FINAL`);
}, 3 * startMsMax);
afterAll(() => loom.destroy());

/** Turns over the bits in the middle of the largest file of the first part of a table. */
async function damage(table: string): Promise<void> {
  const [part] = await rewriter.select<{ path: string }>(
    `SELECT path FROM system.parts WHERE database = currentDatabase() AND table = '${table}' AND active LIMIT 1`,
  );
  const directory = part?.path ?? '';
  const files = (await readdir(directory)).filter((name) => name.endsWith('.bin'));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(directory, name))).size));
  const largest = files[sizes.indexOf(Math.max(...sizes))] ?? '';
  const file = await open(join(directory, largest), 'r+');
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.floor(size / 2));
  await file.read(bytes, 0, bytes.length, Math.floor(size / 4));
  await file.write(
    bytes.map((byte) => byte ^ 0xff),
    0,
    bytes.length,
    Math.floor(size / 4),
  );
  await file.close();
}

const check = async () =>
  (await loom.client(await loom.secret('operator-key'))).checkLedger({ query: { deep: 'true' } });

describe('damaged files of the trace store', () => {
  it.each(['span_payloads', 'spans'])(
    'in %s are told of call by call, and the check goes on',
    async (table) => {
      await damage(table);
      const { ok, problems, logs } = await check();
      expect(ok).toBe(false);
      const messages = problems.map(({ message }) => message);
      const named = messages.filter((message) =>
        /^call \S+, leaf \d+: (what is stored of it cannot be read|not as sealed in span_payloads: data)/.test(
          message,
        ),
      );
      expect(new Set(named.map((message) => message.split(',')[0])).size).toBe(callCount);
      expect(messages.filter((message) => /DB::|Exception|Code: /.test(message))).toEqual([]);
      expect(logs[0]?.checkpoints).toBeGreaterThan(0);
    },
    120_000,
  );
});
