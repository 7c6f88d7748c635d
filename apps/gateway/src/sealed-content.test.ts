import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { unseal } from '@loom/control-store/secrets';
import {
  commitmentSalt,
  nodeCrypto,
  openPayload,
  parseReceipt,
  payloadCommitment,
  splitWholeHash,
} from '@loom/ledger';
import { createLogger } from '@loom/telemetry';
import { answerJson, answerPieces, UpstreamPlayer } from '@loom/testkit';
import {
  type CallAccepted,
  type CallChunks,
  type CallEnded,
  isCallEnded,
  newUuid,
  type Payload,
  type PayloadPart,
  type ProjectRecord,
  type TraceEvent,
} from '@loom/trace-schema';
import { succeedDeadEmitters } from './record/succession.ts';
import { GatewayHarness } from './testing/gateway-harness.ts';
import { chatAnswer } from './testing/gateway-suite.ts';

const canary = 'CANARY-the-quick-brown-fox';
const masterKeys = new Map([['test', Buffer.alloc(32, 7)]]);
const chat = (content = canary, more: object = {}) => ({
  ...{ model: 'gpt-x', messages: [{ role: 'user', content }] },
  ...more,
});
const piece = (content: string) =>
  `data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;

let upstream: UpstreamPlayer;
let gateway: GatewayHarness | undefined;
beforeEach(async () => {
  upstream = await UpstreamPlayer.start(answerJson(chatAnswer(canary)));
});
afterEach(async () => {
  await gateway?.destroy();
  gateway = undefined;
  await upstream.close();
});

async function start(
  env: Record<string, string> = {},
  project: Partial<ProjectRecord> = { content: 'sealed' },
): Promise<GatewayHarness> {
  const started = await GatewayHarness.start(env, project);
  gateway = started;
  await started.provider({ baseUrl: upstream.url }, 'sk-one\nsk-two');
  return started;
}

/** Whether any file below the gateway's home holds the canary, as it is or in base64. */
async function isOnDisk(loom: GatewayHarness): Promise<boolean> {
  const files = await readdir(loom.home, { recursive: true, withFileTypes: true });
  const forms = [canary, ...[0, 1, 2].map((before) => base64Middle(canary, before))];
  for (const file of files) {
    if (!file.isFile()) continue;
    const content = await readFile(join(file.parentPath, file.name), 'latin1');
    if (forms.some((form) => content.includes(form))) return true;
  }
  return false;
}

/** What base64 makes of a text that has so many bytes before it, without the characters that its neighbours share. */
function base64Middle(text: string, before: number): string {
  const encoded = Buffer.from(' '.repeat(before) + text).toString('base64');
  return encoded.slice(before === 0 ? 0 : 4, -4);
}

function keyOf(events: readonly TraceEvent[], keyId: string | null | undefined): Buffer {
  const created = events.find((event) => event.type === 'key.created' && event.keyId === keyId);
  if (created?.type !== 'key.created') throw new Error(`no key ${keyId}`);
  const context = { organizationId: '', recordId: created.keyId, field: 'bucketKey' };
  return Buffer.from(unseal(masterKeys, created.sealed, context), 'base64');
}

interface Carried {
  readonly callId: string;
  readonly part: PayloadPart;
  readonly payload: Payload | null;
  /** The event that names it. */
  readonly eventId: string;
}

/** Opens a payload as a reader does, and checks its commitment. */
function opened(events: readonly TraceEvent[], { callId, part, payload, eventId }: Carried): Buffer {
  if (!payload) throw new Error(`no ${part}`);
  const parts = events.flatMap((event) =>
    event.type === 'call.part' && event.callId === callId && event.part === part
      ? [Buffer.from(event.data, 'base64')]
      : [],
  );
  expect(parts).toHaveLength(payload.parts);
  const sealed = payload.data === null ? Buffer.concat(parts) : Buffer.from(payload.data, 'base64');
  const key = keyOf(events, payload.keyId);
  const content = openPayload(key, sealed, { projectId: 'p1', callId, part });
  const isWhole = payload.storedLength === payload.length;
  const { kept: encoded, wholeHash } = isWhole
    ? { kept: content, wholeHash: Buffer.alloc(0) }
    : splitWholeHash(content);
  const plain = payload.codec === 'zstd' ? zstdDecompressSync(encoded) : encoded;
  expect(plain).toHaveLength(payload.storedLength);
  const opening = Buffer.concat([wholeHash, sha256(plain)]);
  expect(payload.hash).toBe(commitmentOf(key, { part, eventId, opening }));
  return plain;
}

function commitmentOf(
  key: Buffer,
  { part, eventId, opening }: { readonly part: string; readonly eventId: string; readonly opening: Buffer },
): string {
  const salt = commitmentSalt(key, eventId, part);
  return Buffer.from(payloadCommitment(nodeCrypto, { part, salt, payload: opening })).toString('hex');
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

const requestOf = (events: readonly TraceEvent[], { call, request }: CallAccepted): Buffer =>
  opened(events, {
    ...{ callId: call.callId, part: 'request', payload: request },
    eventId: `${call.callId}/accepted`,
  });
const responseOf = (events: readonly TraceEvent[], { call, response }: CallEnded): Buffer =>
  opened(events, {
    ...{ callId: call.callId, part: 'response', payload: response },
    eventId: `${call.callId}/end`,
  });

function openedGroup(events: readonly TraceEvent[], { id, callId, keyId, data }: CallChunks): Buffer {
  const place = { projectId: 'p1', callId, part: id.slice(callId.length + 1) };
  return openPayload(keyOf(events, keyId), Buffer.from(data, 'base64'), place);
}

/** Everything once that content can get onto the record by; resolves when all of it has ended. */
async function sayEverything(loom: GatewayHarness): Promise<void> {
  const ask = async (body: unknown) => (await loom.chat(body)).text();
  await ask(chat());
  upstream.play = answerJson({ error: { message: canary, type: canary.replaceAll('-', ' ') } }, 400);
  await ask(chat());
  upstream.play = (seen, response) =>
    seen.headers.authorization === 'Bearer sk-one'
      ? answerJson({ error: { message: `bad key for ${canary}` } }, 401)(seen, response)
      : answerJson(chatAnswer(canary))(seen, response);
  await ask(chat());
  await ask(chat());
  upstream.play = answerJson(`<html>${canary}</html>`, 200);
  await ask(chat());
  upstream.play = answerPieces([piece('a'), `data: {"error":{"message":"${canary}"}}\n\n`]);
  await ask(chat(canary, { stream: true }));
  upstream.play = answerPieces([piece(canary), piece(canary), 'data: [DONE]\n\n'], { pauseMs: 150 });
  await ask(chat(canary, { stream: true, tool_choice: `say ${canary}` }));
  upstream.play = answerJson({ object: 'text_completion', model: 'm', choices: [{ text: canary }] });
  await fetch(`${loom.url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${loom.token}` },
    body: JSON.stringify({ model: 'gpt-x', prompt: canary, suffix: canary }),
  }).then((response) => response.text());
  await ask(`${canary} is no JSON`);
  await loom.eventsOf('call.refused');
  for (let open = 8; open > 0;) {
    open = 8 - (await loom.events()).filter(isCallEnded).length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a project whose content is sealed', () => {
  it('leaves nothing of what was said in any file', async () => {
    const loom = await start();
    await sayEverything(loom);
    expect(await isOnDisk(loom)).toBe(false);
    const events = await loom.events();
    const attempts = events.filter(isCallEnded).flatMap((ended) => ended.attempts);
    expect(attempts.some(({ status, error }) => status === 401 && error !== null)).toBe(true);
    expect(events.filter(({ type }) => type === 'call.chunks').length).toBeGreaterThan(0);
    await loom.destroy();
    // The same in the clear is found: the search above would have seen it.
    upstream.play = answerJson(chatAnswer(canary));
    const clear = await start({}, { content: 'searchable' });
    await sayEverything(clear);
    expect(await isOnDisk(clear)).toBe(true);
  });

  it('has a record that opens with its keys, with the commitments that stand for it', async () => {
    const loom = await start();
    const answer = await (await loom.chat(chat())).text();
    const [ended] = (await loom.eventsOf('call.completed')) as [CallEnded];
    const events = await loom.events();
    const [accepted] = (await loom.eventsOf('call.accepted')) as [CallAccepted];
    expect(requestOf(events, accepted).toString()).toBe(JSON.stringify(chat()));
    expect(responseOf(events, ended).toString()).toBe(answer);
    expect(ended.request).toEqual({ length: accepted.request.length, hash: accepted.request.hash });
    expect(ended.usage).toMatchObject({ inputTokens: 3 });
    const created = events.filter(({ type }) => type === 'key.created');
    expect(created).toHaveLength(1);
    expect(created[0]?.seq).toBeLessThan(accepted.seq);
    expect(created[0]?.projectId).toBe('p1');
  });

  it('gives receipts of the plain request, which stays out of the record', async () => {
    const loom = await start();
    const response = await loom.chat(chat());
    const { request } = parseReceipt(response.headers.get('x-loom-receipt') ?? '').stated;
    expect(request).toBe(sha256(Buffer.from(JSON.stringify(chat()))).toString('hex'));
    expect(JSON.stringify(await loom.events())).not.toContain(request);
  });

  it('has large payloads in parts of the sealed bytes', async () => {
    const loom = await start();
    const noise = () => randomBytes(900_000).toString('base64');
    upstream.play = answerJson(chatAnswer(noise()));
    const asked = JSON.stringify(chat(noise()));
    const answer = await (await loom.chat(asked)).text();
    const [ended] = (await loom.eventsOf('call.completed')) as [CallEnded];
    const events = await loom.events();
    const [accepted] = (await loom.eventsOf('call.accepted')) as [CallAccepted];
    expect(Math.min(accepted.request.parts, ended.response?.parts ?? 0)).toBeGreaterThan(1);
    expect(requestOf(events, accepted).toString() === asked).toBe(true);
    expect(responseOf(events, ended).toString() === answer).toBe(true);
  });

  it('commits to the whole answer and to the beginning that is kept', async () => {
    for (const content of ['sealed', 'searchable'] as const) {
      const loom = await start({ LOOM_CAPTURE_ANSWER_BYTES_MAX: '100' }, { content });
      const answer = Buffer.from(await (await loom.chat(chat())).arrayBuffer());
      const [ended] = (await loom.eventsOf('call.completed')) as [CallEnded];
      const { response, id } = ended;
      const [whole, kept] = [sha256(answer), sha256(answer.subarray(0, 100))];
      expect(response).toMatchObject({ length: answer.length, storedLength: 100 });
      if (content === 'sealed') {
        const key = keyOf(await loom.events(), response?.keyId);
        const opening = Buffer.concat([whole, kept]);
        expect(response?.hash).toBe(commitmentOf(key, { part: 'response', eventId: id, opening }));
        expect(response?.storedHash).toBeUndefined();
        expect(responseOf(await loom.events(), ended)).toEqual(answer.subarray(0, 100));
      } else
        expect(response).toMatchObject({ hash: whole.toString('hex'), storedHash: kept.toString('hex') });
      await loom.destroy();
    }
  });

  it('has a key for each end user, and one for the day for calls without one', async () => {
    const loom = await start();
    const users = [{ 'x-loom-user-id': 'ada' }, { 'x-loom-user-id': 'bob' }, {}];
    for (const headers of users) await (await loom.chat(chat(), { headers })).text();
    const created = (await loom.eventsOf('key.created', 3)).flatMap((event) =>
      event.type === 'key.created' ? [event] : [],
    );
    const today = new Date().toISOString().slice(0, 10);
    expect(created.map(({ bucket }) => bucket)).toEqual(['user/ada', 'user/bob', `day/${today}`]);
    const accepted = (await loom.eventsOf('call.accepted', 3)) as CallAccepted[];
    expect(accepted.map(({ request }) => request.keyId)).toEqual(created.map(({ keyId }) => keyId));
  });

  it('is not answered from the cache, and nothing of it is kept there', async () => {
    const loom = await start({}, { content: 'sealed', cacheTtlMs: 60_000 });
    for (const headers of [{}, { 'x-loom-cache': 'on' }, {}]) {
      const response = await loom.chat(chat(), { headers });
      expect(response.headers.get('x-loom-cache')).toBeNull();
      await response.text();
    }
    expect(upstream.seen).toHaveLength(3);
  });
});

describe('a sealed call whose gateway dies', () => {
  async function dieInTheMiddle(): Promise<{ loom: GatewayHarness; said: string }> {
    const loom = await start();
    const pieces = [piece(canary), piece('two'), piece('three')];
    upstream.play = answerPieces(pieces, { pauseMs: 120, end: 'never' });
    const broken = loom.chat(chat(canary, { stream: true })).then((response) => response.text());
    broken.catch(() => undefined);
    await loom.eventsOf('call.chunks', 3);
    await loom.die();
    await expect(broken).rejects.toThrow();
    return { loom, said: pieces.join('') };
  }

  it('is ended by its successor with what had come, under the same key', async () => {
    const { loom, said } = await dieInTheMiddle();
    const groups = (await loom.eventsOf('call.chunks')) as CallChunks[];
    const before = await loom.events();
    expect(Buffer.concat(groups.map((group) => openedGroup(before, group))).toString()).toBe(said);
    await loom.open();
    const events = await loom.events();
    const [ended, ...more] = events.filter(isCallEnded);
    expect(more).toEqual([]);
    if (!ended) throw new Error('no terminal');
    expect(ended).toMatchObject({ type: 'call.interrupted', usageSource: 'estimated' });
    expect(ended.response?.keyId).toBe(groups[0]?.keyId);
    expect(responseOf(events, ended).toString()).toBe(said);
    expect(await isOnDisk(loom)).toBe(false);
  });

  it('is ended without its answer by a successor that cannot open it', async () => {
    const { loom } = await dieInTheMiddle();
    const ended = await succeedDeadEmitters({
      ...{ root: join(loom.home, 'stream'), successor: newUuid() },
      masterKeys: new Map([['other', Buffer.alloc(32, 9)]]),
      logger: createLogger({ service: 'test', level: 'silent' }),
    });
    expect(ended).toBe(1);
    const [terminal] = (await loom.events()).filter(isCallEnded);
    expect(terminal).toMatchObject({ type: 'call.interrupted', status: 200, response: null });
    expect((await loom.events()).at(-1)?.type).toBe('emitter.closed');
  });
});
