import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Erasure } from '@loom/api-contract';
import { Deployment, eventually, startMsMax } from './testing/deployment.ts';

/*
 * The record as an auditor meets it: exported, verified without Loom, with end users erased in between. On one machine,
 * with every deadline shortened.
 */
const isSoak = process.env.LOOM_TEST_SOAK === '1';
const [userCount, callsOfUser] = isSoak ? [200, 10] : [20, 5];
const erasedCount = userCount / 2;
const root = fileURLToPath(new URL('../../..', import.meta.url));

let loom: Deployment;
let apiKey: string;
let gatewayUrl: string;
let vkey: string;
let sealedKey: string;
/** Where an auditor keeps things: what is exported is not Loom's to erase. */
let outside: string;

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), 'loom-auditor-'));
  loom = await Deployment.start({
    LOOM_STREAM_RETENTION: '2s',
    LOOM_STREAM_SEGMENT_AGE: '2s',
    LOOM_LEDGER_ERASURE_DEADLINE: '10s',
    LOOM_LEDGER_ERASURE_INTERVAL: '500ms',
    LOOM_LEDGER_SEAL_INTERVAL: '500ms',
  });
  ({ apiKey, gatewayUrl } = await loom.runtime());
  const operator = await loom.client(await loom.secret('operator-key'));
  const project = await operator.createProject({ body: { name: 'sealed', content: 'sealed' } });
  const body = { name: 'sealed', scopes: ['call', 'read'] as ('call' | 'read')[], projectId: project.id };
  sealedKey = (await operator.createKey({ body })).secret;
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
  await rm(outside, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
}

const cli = (args: readonly string[], env: Record<string, string> = {}): Promise<Ran> =>
  run('apps/cli/dist/main.js', args, env);

function run(script: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = {
      env: { PATH: process.env.PATH, LOOM_HOME: loom.home, ...env },
      maxBuffer: 64 * 1024 * 1024,
    };
    execFile(process.execPath, [join(root, script), ...args], options, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out: stdout + stderr }),
    );
  });
}

async function call(key: string, userId: string, content: string): Promise<string> {
  const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'x-loom-user-id': userId },
    body: JSON.stringify({ model: 'loom-sim', messages: [{ role: 'user', content }] }),
  });
  expect(response.status).toBe(200);
  await response.text();
  return response.headers.get('x-loom-receipt') ?? '';
}

/** Of these texts those that are in some file below the home. */
async function foundOnDisk(texts: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of await filesBelow(loom.home)) {
    const bytes = await readFile(path).catch(() => Buffer.alloc(0)); // gone meanwhile
    for (const text of texts)
      if (spellings(text).some((spelling) => bytes.includes(spelling))) found.add(text);
  }
  return [...found];
}

/** What is deleted during the walk is left out. */
async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const nested = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
  return (await Promise.all(nested)).flat();
}

/** As it is, and as it stands in base64, at each of the three places that it may begin at. */
function spellings(text: string): string[] {
  return [
    text,
    ...[0, 1, 2].map((at) =>
      Buffer.from('x'.repeat(at) + text)
        .toString('base64')
        .slice(4, -4),
    ),
  ];
}

async function exported(key: string): Promise<string> {
  const file = join(outside, `${randomUUID()}.loom`);
  const { code, out } = await cli(
    ['export', '--from', '1h', '--out', file],
    key === apiKey ? {} : { LOOM_API_KEY: key },
  );
  expect({ code, out }).toMatchObject({ code: 0 });
  return file;
}

const verify = async (file: string) => {
  const { code, out } = await run('apps/cli/dist/loom-verify.mjs', [file, '--vkey', vkey, '--json']);
  return { code, report: JSON.parse(out) as { payloads: Record<string, number>; leaves: { total: number } } };
};

describe('the sealed record', () => {
  it('is proved by a canary, by receipts and by an export that only Node reads', async () => {
    expect(await cli(['canary', '--once', '--within', '30'])).toMatchObject({ code: 0 });
    vkey = (await cli(['ledger', 'vkey'])).out.trim();
    const receipt = await call(apiKey, 'ann', 'what is proved');
    const request = join(outside, 'request.json');
    const messages = [{ role: 'user', content: 'what is proved' }];
    await writeFile(request, JSON.stringify({ model: 'loom-sim', messages }));
    const checked = () => cli(['verify', 'receipt', receipt, '--request', request, '--vkey', vkey]);
    await eventually(checked, ({ code, out }) => code === 0 && out.includes('Its end is leaf'));
    await writeFile(request, JSON.stringify({ model: 'loom-sim', messages: [] }));
    expect(await checked()).toMatchObject({
      code: 4,
      out: expect.stringContaining('another request') as unknown,
    });

    const file = await exported(apiKey);
    expect(await verify(file)).toMatchObject({ code: 0, report: { payloads: { verified: 4, missing: 0 } } });
    const changed = await open(file, 'r+');
    const at = (await readFile(file)).indexOf('"kind":"call.accepted"');
    await changed.write('X', at + 8);
    await changed.close();
    expect((await run('apps/cli/dist/loom-verify.mjs', [file, '--vkey', vkey])).code).toBe(1);
    const other = 'another.local+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==';
    expect((await run('apps/cli/dist/loom-verify.mjs', [file, '--vkey', other])).code).toBe(4);
    expect(await cli(['fsck', '--deep'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('Consistent') as unknown,
    });
  }, 120_000);

  it(`forgets ${erasedCount} of ${userCount} end users, in the clear and sealed, and proves everything else`, async () => {
    const client = await loom.client(await loom.secret('operator-key'));
    const users = Array.from({ length: userCount }, (_, at) => ({
      id: `person-${at}-${randomUUID()}`,
      canary: randomUUID(),
    }));
    for (const key of [apiKey, sealedKey]) {
      for (const { id, canary } of users)
        await Promise.all(
          Array.from({ length: callsOfUser }, (_, n) => call(key, id, `${canary} asks ${n}`)),
        );
    }
    const sealedOnly = randomUUID();
    const someone = `someone-${randomUUID()}`;
    await call(sealedKey, someone, sealedOnly);
    expect(await foundOnDisk([someone])).toEqual([someone]); // the search finds what is there
    const gone = users.slice(0, erasedCount);
    await exported(apiKey); // everything is stored by then
    expect(await foundOnDisk([sealedOnly])).toEqual([]); // of a sealed project no word was ever written in the clear
    const projectId = (await (await loom.client(sealedKey)).getLedger()).logs[0]?.project ?? '';
    for (const { id: userId } of gone) {
      await client.createErasure({ body: { userId } });
      await client.createErasure({ body: { userId, projectId } });
    }
    const erasures = async (): Promise<Erasure[]> => (await client.listErasures()).erasures;
    await eventually(
      erasures,
      (list) => list.length === erasedCount && list.every(({ state }) => state === 'complete'),
      120_000,
    );

    for (const key of [apiKey, sealedKey]) {
      const { code, report } = await verify(await exported(key));
      expect({ code, ...report.payloads }).toMatchObject({
        code: 0,
        erased: 2 * erasedCount * callsOfUser,
        missing: 0,
      });
    }
    expect(await cli(['fsck', '--deep'])).toMatchObject({ code: 0 });
  }, 600_000);
});
