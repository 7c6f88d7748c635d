import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  goldenUsage,
  type RecordedCase,
  recordedCases,
  type RecordedWire,
  UpstreamPlayer,
} from '@loom/testkit';
import { type CallEnded, isCallEnded, type Usage } from '@loom/trace-schema';
import { GatewayHarness } from './testing/gateway-harness.ts';

const geminiPath = (kind: string) => `/v1beta/models/${kind}/m`;

/** Where each recorded API is asked in its own words, and the kind of provider that answers so. */
const places: Readonly<Partial<Record<RecordedWire, { path: string; kind: string; body: object }>>> = {
  'openai-chat': { path: '/v1/chat/completions', kind: 'openai', body: { messages: [] } },
  'openai-responses': { path: '/v1/responses', kind: 'openai', body: { input: 'hi' } },
  'openai-completions': { path: '/v1/completions', kind: 'openai', body: { prompt: 'hi' } },
  'anthropic-messages': { path: '/v1/messages', kind: 'anthropic', body: { max_tokens: 9, messages: [] } },
  'gemini-generate-content': { path: geminiPath('gemini'), kind: 'gemini', body: { contents: [] } },
};

const golden = goldenUsage();

describe('recorded answers through the gateway', () => {
  let upstream: UpstreamPlayer;
  let gateway: GatewayHarness;
  const cases = recordedCases();
  beforeAll(async () => {
    upstream = await UpstreamPlayer.start();
    gateway = await GatewayHarness.start();
    for (const kind of ['openai', 'anthropic', 'gemini', 'aws-bedrock', 'cohere']) {
      const credential = kind === 'aws-bedrock' ? 'AKID:secret' : 'sk-provider-0123456789';
      const options = kind === 'aws-bedrock' ? { options: { region: 'eu-central-1' } } : {};
      await gateway.provider({ name: kind, kind, baseUrl: upstream.url, models: [], ...options }, credential);
    }
  });
  afterAll(async () => {
    await gateway.destroy();
    await upstream.close();
  });

  interface Played {
    readonly status: number;
    readonly bytes: Buffer;
    readonly callId: string | null;
  }
  const ask = async (recorded: RecordedCase, path: string, body: object): Promise<Played> => {
    upstream.play = (_request, response) => {
      response.writeHead(recorded.status, { 'content-type': recorded.contentType });
      for (const piece of recorded.pieces) response.write(piece);
      response.end();
    };
    const isGemini = path.startsWith('/v1beta/');
    const verb = recorded.stream ? ':streamGenerateContent?alt=sse' : ':generateContent';
    const response = await fetch(gateway.url + path + (isGemini ? verb : ''), {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(isGemini ? body : { stream: recorded.stream, ...body }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, bytes, callId: response.headers.get('x-request-id') };
  };
  /** The terminals of all calls, by call, once they are all there. */
  const endsOf = async (played: ReadonlyMap<unknown, Played>) => {
    const ended = new Map<string, CallEnded>();
    for (let tries = 0; tries < 100 && ended.size < played.size; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (const event of await gateway.events()) if (isCallEnded(event)) ended.set(event.call.callId, event);
    }
    return ended;
  };
  const figures = (usage: Usage | null | undefined) =>
    usage
      ? [usage.inputTokens, usage.cacheReadInputTokens, usage.outputTokens, usage.reasoningOutputTokens]
      : null;

  it('knows every case', () => {
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(golden).sort((a, b) => a.localeCompare(b)));
  });

  describe('in their own dialect', () => {
    const own = cases.filter(({ wire }) => places[wire]);
    const played = new Map<string, Played>();
    let ended: ReadonlyMap<string, CallEnded>;
    beforeAll(async () => {
      for (const recorded of own) {
        const place = places[recorded.wire];
        if (!place) continue;
        const asksForUsage = recorded.stream && /chat|completions/.test(place.path);
        const options = asksForUsage ? { stream_options: { include_usage: true } } : {};
        const model = place.kind === 'gemini' ? {} : { model: `${place.kind}/m` };
        played.set(recorded.name, await ask(recorded, place.path, { ...model, ...options, ...place.body }));
      }
      ended = await endsOf(played);
    });

    it.each(own.map((recorded) => [recorded.name, recorded] as const))(
      '%s passes byte for byte, with the usage that the provider tells',
      (name, recorded) => {
        const answer = played.get(name);
        expect(answer?.status).toBe(recorded.status);
        expect(answer?.bytes.equals(recorded.bytes)).toBe(true);
        const end = ended.get(answer?.callId ?? '');
        expect(figures(end?.usage)).toEqual(golden[name] ?? null);
        const isFailure = recorded.status >= 400 || name === 'openai/openai-error.1.chunks.txt';
        expect(end?.type).toBe(isFailure ? 'call.failed' : 'call.completed');
        expect(end?.facts.wire).toBeUndefined();
      },
    );
  });

  describe('in the dialects of others', () => {
    const kinds: Readonly<Record<string, string>> = {
      ...{ 'anthropic-messages': 'anthropic', 'gemini-generate-content': 'gemini' },
      ...{ 'bedrock-converse': 'aws-bedrock', 'cohere-chat': 'cohere', 'openai-chat': 'openai' },
    };
    const dialects = [
      ['/v1/chat/completions', 'openai-chat', { messages: [{ role: 'user', content: 'hi' }] }],
      ['/v1/responses', 'openai-responses', { input: 'hi' }],
      ['/v1/messages', 'anthropic-messages', { max_tokens: 99, messages: [{ role: 'user', content: 'hi' }] }],
      ['/v1beta', 'gemini-generate-content', { contents: [{ parts: [{ text: 'hi' }] }] }],
    ] as const;
    // OpenAI answers Responses itself; whoever has its chat API alone is asked by that.
    const foreign = cases.filter(({ wire, status }) => kinds[wire] && status === 200);
    const all = dialects.flatMap(([path, dialect, body]) =>
      foreign
        .filter(({ wire }) => wire !== dialect)
        .map((recorded) => ({ path, name: recorded.name, body, recorded, id: `${path} ${recorded.name}` })),
    );
    const played = new Map<string, Played>();
    let ended: ReadonlyMap<string, CallEnded>;
    beforeAll(async () => {
      await gateway.provider({
        name: 'chat-only',
        kind: 'openai-compatible',
        baseUrl: upstream.url,
        models: [],
      });
      for (const { id, path, body, recorded } of all) {
        const kind = recorded.wire === 'openai-chat' ? 'chat-only' : kinds[recorded.wire];
        const asked =
          path === '/v1beta'
            ? ask(recorded, geminiPath(String(kind)), body)
            : ask(recorded, path, { model: `${kind}/m`, ...body });
        played.set(id, await asked);
      }
      ended = await endsOf(played);
    });

    it.each(all)(
      '$path is answered by $name with the usage that the provider tells',
      ({ id, name, recorded }) => {
        const answer = played.get(id);
        expect([answer?.status, answer?.bytes.toString()]).toEqual([
          200,
          expect.not.stringContaining('"error":{'),
        ]);
        const end = ended.get(answer?.callId ?? '');
        expect(end).toMatchObject({ type: 'call.completed', facts: { wire: recorded.wire } });
        expect(figures(end?.usage)).toEqual(golden[name] ?? null);
      },
    );
  });
});
