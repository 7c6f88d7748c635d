import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PartitionWriter } from '@loom/event-stream';
import { answerJson, UpstreamPlayer } from '@loom/testkit';
import { isCallEnded, newUuid, topics } from '@loom/trace-schema';
import { sampleEvents } from '@loom/trace-schema/testing';
import { GatewayHarness } from './testing/gateway-harness.ts';

let upstream: UpstreamPlayer;
let gateway: GatewayHarness | undefined;
beforeEach(async () => {
  upstream = await UpstreamPlayer.start((request, response) =>
    answerJson(answerOf(request.url))(request, response),
  );
});
afterEach(async () => {
  await gateway?.destroy();
  gateway = undefined;
  await upstream.close();
});

/** A whole answer of each API. */
function answerOf(url: string): object {
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  if (url.endsWith('/responses'))
    return { id: 'r1', object: 'response', status: 'completed', model: 'm', output: [], usage };
  if (url.endsWith('/messages'))
    return {
      id: 'm1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [],
      stop_reason: 'end_turn',
      usage,
    };
  if (url.endsWith('/embeddings'))
    return { object: 'list', model: 'm', data: [], usage: { prompt_tokens: 1, total_tokens: 1 } };
  return { id: 'x', object: 'chat.completion', model: 'm', choices: [] };
}

async function start(env: Record<string, string> = {}, project = {}): Promise<GatewayHarness> {
  const started = await GatewayHarness.start(env, project);
  gateway = started;
  await started.provider({ baseUrl: upstream.url });
  await started.provider({ name: 'claude', kind: 'anthropic', baseUrl: upstream.url, models: [] });
  return started;
}

const send = (loom: GatewayHarness, path: string, body: string) =>
  fetch(loom.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${loom.token}`, 'content-type': 'application/json' },
    body,
  });

/** Every number that a dialect's request records, by its path. */
const numbers: Readonly<Record<string, readonly string[]>> = {
  '/v1/chat/completions': [
    ...['temperature', 'top_p', 'max_tokens', 'n', 'seed', 'presence_penalty', 'frequency_penalty'],
    ...['max_completion_tokens', 'top_logprobs', 'logprobs'],
  ],
  '/v1/responses': ['temperature', 'top_p', 'max_output_tokens', 'max_tool_calls', 'top_logprobs'],
  '/v1/messages': ['temperature', 'top_p', 'top_k', 'max_tokens'],
  '/v1/embeddings': ['dimensions'],
  '/v1/completions': ['temperature', 'best_of', 'max_tokens', 'seed', 'n'],
};
const prompts: Readonly<Record<string, string>> = {
  '/v1/chat/completions': '"model":"gpt-x","messages":[]',
  '/v1/responses': '"model":"gpt-x","input":"hi"',
  '/v1/messages': '"model":"claude/m","messages":[]',
  '/v1/embeddings': '"model":"gpt-x","input":"hi"',
  '/v1/completions': '"model":"gpt-x","prompt":"hi"',
};
const required = { '/v1/messages': '"max_tokens":5,' } as Readonly<Record<string, string>>;

describe('a number that a float cannot hold', () => {
  it.each(Object.keys(numbers))('is recorded with its digits, and the call has its end: %s', async (path) => {
    const loom = await start();
    for (const name of numbers[path] ?? []) {
      for (const literal of ['1e400', '-1e400', '12345678901234567890', '0.12345678901234567890']) {
        const needed = name === 'max_tokens' ? '' : (required[path] ?? '');
        const response = await send(loom, path, `{${needed}"${name}":${literal},${prompts[path]}}`);
        await response.text();
        expect([name, literal, response.status]).toEqual([name, literal, 200]);
        expect(upstream.seen.at(-1)?.body.toString()).toContain(`"${name}":${literal}`);
        // The harness parses each event strictly.
        const events = await loom.eventsOf('call.completed', upstream.seen.length);
        expect(events.at(-1)).toMatchObject({ facts: { parameters: { [name]: literal } } });
      }
    }
  });

  it('is refused where Loom has to write the request anew, by the name of its member', async () => {
    const loom = await start();
    const body = '{"model":"claude/m","temperature":1e400,"messages":[{"role":"user","content":"hi"}]}';
    const response = await send(loom, '/v1/chat/completions', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'temperature' } });
    expect(upstream.seen).toHaveLength(0);
  });

  it('keeps its digits in the arguments and schemas of a translated call', async () => {
    const loom = await start();
    const args = JSON.stringify('{"id":12345678901234567890}');
    const tool = `{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"id":{"maximum":98765432109876543210}}}}}`;
    const said = `{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${args}}}]}`;
    const messages = `[{"role":"user","content":"hi"},${said},{"role":"tool","tool_call_id":"c1","content":"ok"}]`;
    await (
      await send(
        loom,
        '/v1/chat/completions',
        `{"model":"claude/m","messages":${messages},"tools":[${tool}]}`,
      )
    ).text();
    const sent = upstream.seen[0]?.body.toString();
    expect(sent).toContain('98765432109876543210');
    expect(sent).toContain('12345678901234567890');
  });

  it('is refused with too many digits, and where the fact is a count', async () => {
    const loom = await start();
    const seed = await send(
      loom,
      '/v1/chat/completions',
      `{"seed":${'1'.repeat(300)},${prompts['/v1/chat/completions']}}`,
    );
    expect([seed.status, ((await seed.json()) as { error: { param: string } }).error.param]).toEqual([
      400,
      'seed',
    ]);
    const thinking = `{"max_tokens":5,"thinking":{"type":"enabled","budget_tokens":1e400},${prompts['/v1/messages']}}`;
    const budget = await send(loom, '/v1/messages', thinking);
    expect(budget.status).toBe(400);
    expect(await budget.text()).toContain('thinking_budget');
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('metadata', () => {
  const recorded = async (loom: GatewayHarness, header: string) => {
    const answer = await loom.chat(
      { model: 'gpt-x', messages: [] },
      { headers: { 'x-loom-metadata': header } },
    );
    await answer.text();
    if (answer.status !== 200) return answer.status;
    const events = await loom.eventsOf('call.completed', upstream.seen.length);
    const ended = events.at(-1);
    return ended && isCallEnded(ended) ? ended.call.metadata : null;
  };

  it('of another shape is recorded as well as it can be, and does not fail the call', async () => {
    const loom = await start();
    expect(await recorded(loom, '{"id":12345678901234567890,"team":null,"on":true}')).toEqual({
      ...{ id: '12345678901234567890', team: 'null', on: 'true' },
    });
    expect(await recorded(loom, '{"user":{"id":7},"tags":["a","b"]}')).toEqual({
      ...{ user: '{"id":7}', tags: '["a","b"]' },
    });
    expect(await recorded(loom, 'team=search')).toEqual({ 'x-loom-metadata': 'team=search' });
    expect(await recorded(loom, '["a"]')).toEqual({ 'x-loom-metadata': '["a"]' });
    const long = await recorded(loom, JSON.stringify({ ['k'.repeat(100)]: 'v'.repeat(1000) }));
    expect(long).toEqual({ ['k'.repeat(64)]: 'v'.repeat(512) });
    const many = await recorded(
      loom,
      JSON.stringify(Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`k${n}`, n]))),
    );
    expect(Object.keys(many as object)).toHaveLength(32);
  });

  it('of another shape fails the call where the operator wants it', async () => {
    const loom = await start({ LOOM_GATEWAY_METADATA: 'refuse' });
    for (const header of [
      '{"user":{"id":7}}',
      'team=search',
      '[]',
      '5',
      JSON.stringify({ a: 'v'.repeat(600) }),
    ])
      expect([header, await recorded(loom, header)]).toEqual([header, 400]);
    expect(await recorded(loom, '{"team":"search","n":9007199254740993}')).toEqual({
      team: 'search',
      n: '9007199254740993',
    });
  });
});

describe('an event that breaks its schema', () => {
  /** A middleware that puts into the call what no schema allows. */
  const spoiling = async (
    loomOf: (env: Record<string, string>) => Promise<GatewayHarness>,
    spoil: string,
  ) => {
    const directory = await mkdtemp(join(tmpdir(), 'loom-middleware-'));
    const file = join(directory, 'spoil.mjs');
    await writeFile(
      file,
      `export default () => ({ name: 'spoil', handle(call, next) { ${spoil}; return next(); } });`,
    );
    const loom = await loomOf({ LOOM_GATEWAY_MIDDLEWARES: file });
    await rm(directory, { recursive: true });
    return loom;
  };

  it.each([
    ['call.metadata.size', 'call.metadata.size = 5'],
    ['call.sessionId', 'call.sessionId = {}'],
    ['facts.parameters.top_k', 'call.modelRequest.parameters.top_k = NaN'],
    ['call.userId', 'call.userId = undefined'],
  ])('keeps a strict call from the provider: %s', async (path, spoil) => {
    const loom = await spoiling(start, spoil);
    const response = await loom.chat({ model: 'gpt-x', messages: [] });
    expect(response.status).toBe(500);
    expect(await response.text()).toContain(path);
    expect(upstream.seen).toHaveLength(0);
    expect((await loom.events()).some(({ type }) => type === 'call.accepted')).toBe(false);
  });

  it('is counted as a loss in best-effort capture, and the call goes on', async () => {
    const bestEffort = (env: Record<string, string>) => start(env, { capture: 'best_effort' });
    const loom = await spoiling(bestEffort, 'call.metadata.size = 5');
    expect((await loom.chat({ model: 'gpt-x', messages: [] })).status).toBe(200);
    expect(await loom.eventsOf('capture.lost')).toMatchObject([{ lostCalls: 1, reason: 'invalid_event' }]);
  });
});

describe('an unreadable event of a dead emitter', () => {
  /** Leaves records in the outbox as a gateway does that died. */
  const leave = async (loom: GatewayHarness, values: readonly (object | string)[]) => {
    const emitter = newUuid();
    const writer = await PartitionWriter.create(join(loom.home, 'stream'), topics.traces, emitter);
    const callIds = values.map(() => newUuid());
    for (const [index, value] of values.entries()) {
      const callId = callIds[index] ?? '';
      const text =
        typeof value === 'string'
          ? value
          : JSON.stringify({ ...accepted(emitter, callId, index + 1), ...value });
      const headers = {
        ce_type: 'loom.call.accepted',
        ce_source: `/${emitter}`,
        ce_subject: callId,
        ce_loomproject: 'p1',
        ce_loomseq: `${index + 1}`,
      };
      await writer.appendSync([{ key: 'p1', headers, value: Buffer.from(text) }]);
    }
    writer.failWith(new Error('died'));
    await writer.close().catch(() => undefined);
    return callIds;
  };
  const { 'call.accepted': sample } = sampleEvents;
  const accepted = (emitter: string, callId: string, seq: number) => ({
    ...{ ...sample, id: `${callId}/accepted`, emitter, seq, call: { ...sample.call, callId } },
  });

  it('never keeps a gateway from starting, and every readable call gets its end', async () => {
    const loom = await start();
    await loom.close();
    const withNull = { facts: { ...sample.facts, parameters: { temperature: null } } };
    const callIds = await leave(loom, ['{"type":', withNull, { call: null }, {}]);
    await loom.open();
    await expect(loom.gateway.ready()).resolves.toBeUndefined();
    expect((await loom.chat({ model: 'gpt-x', messages: [] })).status).toBe(200);
    const ended = (await loom.readableEvents())
      .filter(isCallEnded)
      .filter(({ type }) => type === 'call.interrupted');
    expect(ended.map(({ call }) => call.callId).toSorted()).toEqual([callIds[1], callIds[3]].toSorted());
  });
});
