import { describe, expect, it } from '@jest/globals';
import { useGateway } from './testing/gateway-suite.ts';

const messages = [{ role: 'user', content: 'hello' }];

describe('the simulator', () => {
  const suite = useGateway();
  it.each([
    ['/v1/chat/completions', { messages }],
    ['/v1/responses', { input: 'hello' }],
    ['/v1/messages', { max_tokens: 9, messages }],
    ['/v1/completions', { prompt: 'hello' }],
  ])('answers %s, whole and as a stream, and says what it is', async (path, body) => {
    await suite.gateway.provider({ name: 'sim', kind: 'sim', baseUrl: '', models: ['loom-sim'] }, null);
    const whole = await suite.post(path, { model: 'loom-sim', ...body });
    expect([whole.status, await whole.text()]).toEqual([
      200,
      expect.stringContaining('no provider was called. You said: hello'),
    ]);
    const stream = await suite.post(path, { model: 'loom-sim', stream: true, ...body });
    expect([stream.status, await stream.text()]).toEqual([
      200,
      expect.stringMatching(/hello[\s\S]*(\[DONE\]|message_stop|response\.completed)/),
    ]);
    expect(await suite.endOf(stream)).toMatchObject({ type: 'call.completed', usage: { outputTokens: 15 } });
  });

  it('embeds texts, the same ones alike, as numbers or as base64', async () => {
    const embed = async (body: object) => {
      const response = await suite.post('/v1/embeddings', { model: 'loom-sim', ...body });
      return ((await response.json()) as { data: { embedding: number[] | string }[] }).data.map(
        ({ embedding }) => embedding,
      );
    };
    const [one, other, again] = (await embed({ input: ['a', 'b', 'a'] })) as number[][];
    expect(one).toEqual(again);
    expect(one).not.toEqual(other);
    const [encoded] = (await embed({ input: 'a', encoding_format: 'base64' })) as string[];
    const floats = new Float32Array(Uint8Array.from(Buffer.from(encoded ?? '', 'base64')).buffer);
    expect([...floats]).toEqual(one?.map((value) => Math.fround(value)));
  });
});
