import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventStream, Producer } from '@loom/event-stream';
import { answerJson, answerPieces, UpstreamPlayer } from '@loom/testkit';
import {
  type CallAccepted,
  type CallEnded,
  cloudEventHeaders,
  eventIds,
  isCallEnded,
  newSpanId,
  newTraceId,
  newUuid,
  topics,
} from '@loom/trace-schema';
import { Deployment, eventually, startMsMax } from '../testing/deployment.ts';

/*
 * Both events of a call reach the stream, and nobody can read them. Whoever asks for the record hears of it: `loom fsck`,
 * `loom ledger status`, the bundle. A replay that can be read ends the matter.
 */
const root = fileURLToPath(new URL('../../../..', import.meta.url));

let loom: Deployment;
let stream: EventStream;
let producer: Producer;
let player: UpstreamPlayer;

beforeAll(async () => {
  player = await UpstreamPlayer.start();
  loom = await Deployment.start({
    ...{ LOOM_LEDGER_SEAL_INTERVAL: '200ms', OPENAI_BASE_URL: player.url, OPENAI_API_KEY: 'sk-x' },
    ...{ ANTHROPIC_BASE_URL: player.url, ANTHROPIC_API_KEY: 'sk-y' },
  });
  stream = await loom.openStream();
  producer = await stream.producer(topics.traces);
}, 2 * startMsMax);
afterAll(async () => {
  await producer.close();
  await stream.close();
  await loom.destroy();
  await player.close();
});

function cli(...args: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, LOOM_HOME: loom.home };
    const script = args[0] === 'loom-verify.mjs' ? args.shift()! : 'main.js';
    execFile(
      process.execPath,
      [join(root, 'apps/cli/dist', script), ...args],
      { env },
      (error, stdout, stderr) =>
        resolve({
          code: typeof error?.code === 'number' ? error.code : error ? -1 : 0,
          out: stdout + stderr,
        }),
    );
  });
}

/** The two events of a call that a gateway could have emitted. */
async function callEvents(): Promise<[CallAccepted, CallEnded]> {
  const { gatewayUrl, apiKey } = await loom.runtime();
  const body = JSON.stringify({ model: 'loom-sim', messages: [{ role: 'user', content: 'hello' }] });
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  expect((await fetch(`${gatewayUrl}/v1/chat/completions`, { method: 'POST', headers, body })).status).toBe(
    200,
  );
  const events = await eventually(
    () => loom.traceEvents(),
    (all) => all.some(isCallEnded),
  );
  const accepted = events.find((event): event is CallAccepted => event.type === 'call.accepted')!;
  const ended = events.find(isCallEnded)!;
  const callId = newUuid();
  const call = { ...accepted.call, callId, traceId: newTraceId(), spanId: newSpanId() };
  const emitter = newUuid();
  return [
    { ...accepted, call, emitter, id: eventIds.accepted(callId), seq: 1 },
    { ...ended, call, emitter, id: eventIds.ended(callId), seq: 2 },
  ];
}

async function send(event: CallAccepted | CallEnded, value: string): Promise<void> {
  const { id, type, emitter: source, projectId, seq, call } = event;
  const headers = cloudEventHeaders({
    id,
    type,
    source,
    subject: call.callId,
    timeMs: Date.now(),
    projectId,
    seq,
  });
  await producer.append([{ key: projectId, headers, value: Buffer.from(value) }]);
}

describe('a call whose events nobody can read', () => {
  it('is a problem in fsck, in the status and in the bundle, until it is replayed', async () => {
    const events = await callEvents();
    for (const event of events) await send(event, '{"type":"call.');
    const found = await eventually(
      () => cli('fsck'),
      ({ code }) => code === 1,
    );
    const status = await cli('ledger', 'status');
    const file = join(loom.home, 'bundle.loom');
    expect(await cli('export', '--from', '1h', '--out', file)).toMatchObject({ code: 0 });
    const { out: vkey } = await cli('ledger', 'vkey');
    const verified = await cli('loom-verify.mjs', file, '--vkey', vkey.trim());
    expect(verified.code).toBe(2);
    for (const { id, call } of events) {
      expect(found.out).toMatch(new RegExp(`PROBLEM .*call ${call.callId}, leaf \\d+: its event ${id} came and could not be read`)); // prettier-ignore
      expect(status.out).toContain(`PROBLEM: the event ${id} could not be read and is in no leaf`);
      expect(verified.out).toContain(`the event ${id} is in no leaf`);
    }

    for (const event of events) await send(event, JSON.stringify(event));
    await eventually(
      () => cli('fsck', '--deep'),
      ({ code }) => code === 0,
      60_000,
    );
    expect((await cli('ledger', 'status')).out).not.toContain('PROBLEM');
    const again = join(loom.home, 'again.loom');
    expect(await cli('export', '--from', '1h', '--out', again)).toMatchObject({ code: 0 });
    expect(await cli('loom-verify.mjs', again, '--vkey', vkey.trim())).toMatchObject({ code: 0 });
  }, 180_000);
});

describe('members that are called like what all objects share', () => {
  const names = '"__proto__":{"a":1},"constructor":1,"toString":null,"hasOwnProperty":[]';
  const choice = `{${names},"index":0,"delta":{${names},"content":"said"},"message":{${names},"role":"assistant","content":"said"},"finish_reason":"stop"}`;
  const stream = [
    `data: {"id":"x",${names},"choices":[${choice}],"usage":{${names}}}\n\n`,
    'data: [DONE]\n\n',
  ];
  const claude = `{${names},"id":"m","type":"message","role":"assistant","model":"c","content":[{${names},"type":"text","text":"said"}],"stop_reason":"end_turn","usage":{${names},"input_tokens":1}}`;

  it('take nothing from an answer, from its call or from those after it', async () => {
    const { gatewayUrl, apiKey } = await loom.runtime();
    const ids: string[] = [];
    for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/responses'])
      for (const model of ['openai/gpt-4o-mini', 'anthropic/claude-3-5-haiku-latest', 'loom-sim'])
        for (const streamed of [true, false]) {
          if (model.startsWith('anthropic')) player.play = answerJson(claude);
          else
            player.play = streamed
              ? answerPieces(stream)
              : answerJson(`{${names},"id":"x","choices":[${choice}]}`);
          if (path === '/v1/responses' && model.startsWith('openai')) continue; // it has an API of its own there
          const ask = path === '/v1/responses' ? '"input":"hi"' : '"messages":[{"role":"user","content":"hi"}],"max_tokens":9'; // prettier-ignore
          const response = await fetch(gatewayUrl + path, {
            method: 'POST',
            headers: {
              ...{ authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
              'x-loom-metadata': '{"__proto__":"1","constructor":"2"}',
            },
            body: `{"model":"${model}","stream":${streamed},${ask}}`,
            signal: AbortSignal.timeout(20_000),
          });
          const text = await response.text();
          expect([path, model, streamed, response.status, text]).toEqual([
            path,
            model,
            streamed,
            200,
            expect.any(String),
          ]);
          ids.push(response.headers.get('x-loom-trace-id') ?? '');
        }
    const client = await loom.client();
    const stored = await eventually(
      async () => (await client.listTraces({ query: { limit: 100 } })).traces.map(({ traceId }) => traceId),
      (found) => ids.every((id) => found.includes(id)),
      60_000,
    );
    expect(stored).toEqual(expect.arrayContaining(ids));
  }, 180_000);
});
