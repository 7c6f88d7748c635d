import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { UpstreamPlayer } from '@loom/testkit';
import { type CallEnded, isCallEnded } from '@loom/trace-schema';
import { GatewayHarness } from './gateway-harness.ts';

/** A gateway with two providers of OpenAI's kind, one of Anthropic's and one that has only chat, each played by a test. */
export interface GatewaySuite {
  readonly gateway: GatewayHarness;
  readonly first: UpstreamPlayer;
  readonly second: UpstreamPlayer;
  /** The terminal of a call. */
  endOf(response: Response): Promise<CallEnded>;
  post(path: string, body: object, headers?: Record<string, string>): Promise<Response>;
}

/** Opens it before the tests of a file and closes it after them. */
export function useGateway(env: Record<string, string> = {}): GatewaySuite {
  const suite = {} as { -readonly [Key in keyof GatewaySuite]: GatewaySuite[Key] };
  beforeAll(async () => {
    suite.first = await UpstreamPlayer.start();
    suite.second = await UpstreamPlayer.start();
    suite.gateway = await GatewayHarness.start(env);
    const { first, second, gateway } = suite;
    await gateway.provider({ name: 'one', kind: 'openai', baseUrl: first.url, models: ['gpt-*'] });
    await gateway.provider({ name: 'two', kind: 'openai', baseUrl: second.url, models: [] });
    await gateway.provider({ name: 'claude', kind: 'anthropic', baseUrl: first.url, models: ['claude-*'] });
    await gateway.provider({ name: 'chat-only', kind: 'openai-compatible', baseUrl: first.url, models: [] });
  });
  afterEach(() => {
    suite.first.seen.length = 0;
    suite.second.seen.length = 0;
  });
  afterAll(async () => {
    await suite.gateway.destroy();
    await suite.first.close();
    await suite.second.close();
  });
  suite.post = (path, body, headers = {}) =>
    fetch(suite.gateway.url + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${suite.gateway.token}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(body),
    });
  suite.endOf = async (response) => {
    const callId = response.headers.get('x-request-id');
    for (let tries = 0; tries < 300; tries += 1) {
      for (const event of await suite.gateway.events())
        if (isCallEnded(event) && event.call.callId === callId) return event;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no terminal of ${callId}`);
  };
  return suite;
}

/** A chat completion that says a word. */
export const chatAnswer = (content = 'ok') => ({
  ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'gpt-x' },
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});
