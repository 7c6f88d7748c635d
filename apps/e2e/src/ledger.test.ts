import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Erasure } from '@loom/api-contract';
import { answerJson, type Play, UpstreamPlayer } from '@loom/testkit';
import { Deployment, eventually, startMsMax } from './testing/deployment.ts';
import { findOnDisk } from './testing/disk-search.ts';

/*
 * The record as an auditor meets it: exported, verified without Loom, with end users erased in between. On one machine,
 * with every deadline shortened.
 */
const isSoak = process.env.LOOM_TEST_SOAK === '1';
const [userCount, callsOfUser] = isSoak ? [200, 10] : [20, 5];
const erasedCount = userCount / 2;
/** Every export and every check reads all calls. */
const patience = isSoak ? 5 : 1;
const root = fileURLToPath(new URL('../../..', import.meta.url));

let loom: Deployment;
/** A provider that pauses until it is told to go on. */
let provider: UpstreamPlayer;
let apiKey: string;
let gatewayUrl: string;
let vkey: string;
let sealedKey: string;
/** Where an auditor keeps things: what is exported is not Loom's to erase. */
let outside: string;

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), 'loom-auditor-'));
  provider = await UpstreamPlayer.start();
  loom = await Deployment.start({
    OPENAI_COMPATIBLE_BASE_URL: provider.url,
    LOOM_CAPTURE_ANSWER_BYTES_MAX: '100KiB',
    LOOM_STREAM_RETENTION: '2s',
    LOOM_STREAM_SEGMENT_AGE: '2s',
    LOOM_LEDGER_ERASURE_DEADLINE: '10s',
    LOOM_LEDGER_ERASURE_INTERVAL: '500ms',
    LOOM_LEDGER_SEAL_INTERVAL: '500ms',
  });
  ({ apiKey, gatewayUrl } = await loom.runtime());
  const operator = await loom.client(await loom.secret('operator-key'));
  const project = await operator.createProject({ body: { name: 'sealed', content: 'sealed' } });
  const body = {
    name: 'sealed',
    scopes: ['call', 'read', 'manage'] as ('call' | 'read' | 'manage')[],
    projectId: project.id,
  };
  sealedKey = (await operator.createKey({ body })).secret;
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
  await provider.close();
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

interface Said {
  readonly userId: string;
  readonly content: string;
  readonly model?: string;
  readonly sessionId?: string;
  readonly metadata?: Record<string, string>;
}

async function call(
  key: string,
  { userId, content, sessionId, metadata, model = 'loom-sim' }: Said,
): Promise<string> {
  const messages = [{ role: 'user', content }];
  const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'x-loom-user-id': userId,
      ...(sessionId !== undefined && { 'x-loom-session-id': sessionId }),
      ...(metadata && { 'x-loom-metadata': JSON.stringify(metadata) }),
    },
    body: JSON.stringify({ model, messages }),
  });
  expect(response.status).toBe(200);
  await response.text();
  return response.headers.get('x-loom-receipt') ?? '';
}

/** An end user, and what nobody else's calls say, in the clear and sealed. */
class Person {
  readonly id = `person-${randomUUID()}`;
  readonly words = { clear: newWords(), sealed: newWords() };

  async ask(key: string, { canary, sessionId, name }: ReturnType<typeof newWords>): Promise<void> {
    const asks = Array.from({ length: callsOfUser }, (_, n) =>
      call(key, { userId: this.id, content: `${canary} asks ${n}`, sessionId, metadata: { name } }),
    );
    await Promise.all(asks);
  }

  /** All but the canary that was sealed. */
  get unsealed(): string[] {
    const { clear, sealed } = this.words;
    return [this.id, clear.canary, clear.sessionId, clear.name, sealed.sessionId, sealed.name];
  }
}

function newWords() {
  return { canary: newWord(), sessionId: newWord(), name: newWord() };
}

function newWord(): string {
  return randomUUID().replaceAll('-', '');
}

/** An answer that begins at once and ends when it is told to. */
function pausing(content: string): { readonly play: Play; readonly goOn: () => void } {
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }];
  const answer = JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', model: 'slow-1', choices });
  const play: Play = async (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(answer.slice(0, 20));
    await promise;
    response.end(answer.slice(20));
  };
  return { play, goOn };
}

async function personsListed(key: string) {
  const { users } = await (await loom.client(key)).listUsers({ query: { limit: 200 } });
  return users.filter(({ userId }) => userId.startsWith('person-'));
}

async function exported(key: string, from = '1h'): Promise<string> {
  const file = join(outside, `${randomUUID()}.loom`);
  const { code, out } = await cli(
    ['export', '--from', from, '--out', file],
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
    const receipt = await call(apiKey, { userId: 'ann', content: 'what is proved' });
    const request = join(outside, 'request.json');
    const messages = [{ role: 'user', content: 'what is proved' }];
    await writeFile(request, JSON.stringify({ model: 'loom-sim', messages }));
    const checked = () => cli(['verify', 'receipt', receipt, '--request', request, '--vkey', vkey]);
    await eventually(checked, ({ code, out }) => code === 0 && out.includes('Its end is leaf'));
    await writeFile(request, JSON.stringify({ model: 'loom-sim', messages: [] }));
    expect(await checked()).toMatchObject({
      code: 1,
      out: expect.stringContaining('another request') as unknown,
    });

    const file = await exported(apiKey);
    expect(await verify(file)).toMatchObject({ code: 0, report: { payloads: { verified: 4, missing: 0 } } });
    await call(apiKey, { userId: 'eve', content: 'of somebody else' });
    const chosen = join(outside, 'chosen.loom');
    const choose = ['export', '--from', '1h', '--filter', 'user:ann', '--out', chosen];
    expect(await cli(choose)).toMatchObject({ code: 0 });
    expect(await verify(chosen)).toMatchObject({
      code: 0,
      report: { filter: 'user:ann', payloads: { missing: 0 } },
    });
    expect((await readFile(chosen)).includes('what is proved')).toBe(true);
    expect((await readFile(chosen)).includes('of somebody else')).toBe(false);
    expect(await cli([...choose.slice(0, 4), 'nonsense:', ...choose.slice(5)])).toMatchObject({ code: 4 });
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

  it('proves of an answer that is too large what was kept of it, in the clear and sealed', async () => {
    provider.play = answerJson({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      choices: [],
      noise: 'x'.repeat(300_000),
    });
    for (const key of [apiKey, sealedKey]) {
      await call(key, { userId: 'ann', content: 'tell me everything', model: 'openai-compatible/large-1' });
      const { code, report } = await verify(await exported(key));
      expect({ code, ...report.payloads }).toMatchObject({ code: 0, missing: 0 });
      expect(report.payloads['verified']).toBeGreaterThanOrEqual(2);
    }
  }, 60_000);

  it(`forgets ${erasedCount} of ${userCount} end users, in the clear and sealed, and proves everything else`, async () => {
    const people = Array.from({ length: userCount }, () => new Person());
    for (const person of people) {
      await person.ask(apiKey, person.words.clear);
      await person.ask(sealedKey, person.words.sealed);
    }
    for (const key of [apiKey, sealedKey])
      await eventually(
        () => personsListed(key),
        (listed) => listed.length === userCount && listed.every(({ spans }) => spans === callsOfUser),
      );
    const unsealed = people.flatMap((person) => person.unsealed).sort();
    const sealed = people.map(({ words }) => words.sealed.canary);
    // All that is there, so the search finds it; and of sealed content no word, at any time.
    expect([...(await findOnDisk(loom.home, [...unsealed, ...sealed])).keys()].sort()).toEqual(unsealed);

    const [gone, stay] = [people.slice(0, erasedCount), people.slice(erasedCount)];
    const managers = [await loom.client(await loom.secret('operator-key')), await loom.client(sealedKey)];
    for (const manager of managers)
      for (const { id: userId } of gone) await manager.createErasure({ body: { userId } });
    const erasures = async (): Promise<Erasure[]> => {
      const lists = await Promise.all(managers.map((manager) => manager.listErasures()));
      return lists.flatMap((list) => list.erasures);
    };
    await eventually(
      erasures,
      (list) => list.length === 2 * erasedCount && list.every(({ state }) => state === 'complete'),
      180_000,
    );
    const erased = gone.flatMap((person) => [...person.unsealed, person.words.sealed.canary]);
    expect([...(await findOnDisk(loom.home, erased))]).toEqual([]);
    const kept = stay.flatMap((person) => person.unsealed).sort();
    expect([...(await findOnDisk(loom.home, kept)).keys()].sort()).toEqual(kept);

    for (const key of [apiKey, sealedKey]) {
      const listed = (await personsListed(key)).map(({ userId }) => userId);
      expect(listed.sort()).toEqual(stay.map(({ id }) => id).sort());
      const { code, report } = await verify(await exported(key));
      expect({ code, ...report.payloads }).toMatchObject({
        code: 0,
        erased: 2 * erasedCount * callsOfUser,
        missing: 0,
      });
    }
    expect(await cli(['fsck', '--deep'])).toMatchObject({ code: 0 });
  }, 900_000);

  it(
    'takes a call as a whole that is under way at an erasure, and keeps what is said from the next minute on',
    async () => {
      const userId = `person-${randomUUID()}`;
      const [erased, kept] = [newWord(), newWord()];
      const keys = [apiKey, sealedKey];
      const managers = [await loom.client(await loom.secret('operator-key')), await loom.client(sealedKey)];
      const { play, goOn } = pausing(erased);
      provider.play = play;
      const model = 'openai-compatible/slow-1';
      const answers = keys.map((key) => call(key, { userId, content: erased, model }));
      await eventually(
        () => Promise.resolve(provider.seen),
        (seen) => seen.length === keys.length,
      );
      const asked = await Promise.all(managers.map((manager) => manager.createErasure({ body: { userId } })));
      const allHave = async (step: 'keysGoneAt' | 'rowsGoneAt') => {
        const lists = await Promise.all(managers.map((manager) => manager.listErasures()));
        const erasures = lists.flatMap((list) => list.erasures);
        return asked.every(({ id }) => erasures.find((one) => one.id === id)?.[step]);
      };
      await eventually(() => allHave('keysGoneAt'), Boolean);
      await delay(6_000); // a key that is known is used for five seconds
      const middle = new Date().toISOString(); // after the leaf that names the keys
      for (const key of keys) await call(key, { userId, content: erased }); // it may be the same minute still
      goOn();
      await Promise.all(answers);
      await eventually(() => allHave('rowsGoneAt'), Boolean, 120_000);
      for (const key of keys) await call(key, { userId, content: kept });
      for (const key of keys) {
        await eventually(
          () => personsListed(key),
          (listed) => listed.find((person) => person.userId === userId)?.spans === 1,
        );
        for (const from of ['1h', middle]) {
          const file = await exported(key, from);
          expect(await verify(file)).toMatchObject({ code: 0, report: { payloads: { missing: 0 } } });
          const bundle = await readFile(file);
          expect([bundle.includes(erased), bundle.includes(kept)]).toEqual([false, true]);
        }
      }
    },
    240_000 * patience,
  );

  it(
    'is missed by Loom itself where the stores were changed behind its back',
    async () => {
      await call(apiKey, { userId: 'zoe', content: 'what is to be changed' });
      await exported(apiKey); // everything is stored by then
      const client = await loom.client();
      const { traces } = await eventually(
        () => client.listTraces({ query: { filter: 'user:zoe' } }),
        (list) => list.traces[0]?.costState === 'priced',
      );
      const traceId = traces[0]?.traceId ?? '';
      const text = await readFile(join(loom.home, 'engines.json'), 'utf8');
      const url = new URL((JSON.parse(text) as { traceStoreUrl: string }).traceStoreUrl);
      const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      const change = async (table: string, what: string) => {
        const response = await fetch(`${url.origin}/?database=${url.pathname.slice(1)}&mutations_sync=2`, {
          method: 'POST',
          headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
          body: `ALTER TABLE ${table} ${what}`,
        });
        expect(await response.text()).toBe('');
      };
      const ofTrace = `SELECT span_id FROM spans WHERE trace_id = '${traceId}'`;
      await change('span_payloads', `DELETE WHERE part = 'request' AND span_id IN (${ofTrace})`);
      await change('costs', `UPDATE total_usd = 12345 WHERE span_id IN (${ofTrace})`);
      await change('spans', `UPDATE output_text_tokens = 99999 WHERE trace_id = '${traceId}'`);
      const { code, out } = await cli(['fsck', '--deep']);
      expect({ code, out }).toMatchObject({ code: 1 });
      expect(out).toMatch(/call \S+, leaf \d+: the request is not there, and no leaf tells of its erasure/);
      expect(out).toMatch(/call \S+, leaf \d+: not as sealed in costs: total_usd/);
      expect(out).toMatch(/call \S+, leaf \d+: not as sealed in spans: .*output_text_tokens/);
    },
    120_000 * patience,
  );
});
