import { describe, expect, it } from '@jest/globals';
import { newApiKey } from '@loom/control-store/secrets';
import { answerJson, answerPieces } from '@loom/testkit';
import { useGateway } from './testing/gateway-suite.ts';

const stored = (id: string, more: object = {}) => ({
  ...{ id, object: 'response', status: 'completed', model: 'gpt-x', output: [] },
  usage: { input_tokens: 5, output_tokens: 3, total_tokens: 8 },
  ...more,
});

describe('stored responses', () => {
  const suite = useGateway();
  const call = (method: string, path: string, token = suite.gateway.token) =>
    fetch(suite.gateway.url + path, { method, headers: { authorization: `Bearer ${token}` } });
  const create = (body: object = {}) => suite.post('/v1/responses', { model: 'gpt-x', input: 'hi', ...body });

  it('are read, cancelled and deleted at the provider that holds them', async () => {
    suite.first.play = answerJson(stored('resp_1'));
    expect((await create()).status).toBe(200);
    suite.first.play = answerJson({ id: 'resp_1', object: 'response', deleted: true });
    const calls = [
      ['GET', '/v1/responses/resp_1?include=reasoning.encrypted_content&evil=1'],
      ['GET', '/v1/responses/resp_1/input_items?limit=2'],
      ['POST', '/v1/responses/resp_1/cancel'],
      ['DELETE', '/v1/responses/resp_1'],
    ] as const;
    for (const [method, path] of calls) expect((await call(method, path)).status).toBe(200);
    expect(suite.first.seen.slice(1).map(({ url }) => url)).toEqual([
      '/v1/responses/resp_1?include=reasoning.encrypted_content',
      '/v1/responses/resp_1/input_items?limit=2',
      '/v1/responses/resp_1/cancel',
      '/v1/responses/resp_1',
    ]);
    expect(suite.first.seen[1]?.headers.authorization).toBe('Bearer sk-provider-0123456789');
    expect(suite.second.seen).toHaveLength(0);
  });

  it('of a stream are known before their id is handed out', async () => {
    suite.second.play = answerPieces(
      [
        `event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_s","model":"m","status":"in_progress"}}\n\n`,
        `event: response.completed\ndata: {"type":"response.completed","sequence_number":1,"response":${JSON.stringify(stored('resp_s'))}}\n\n`,
      ],
      { pauseMs: 50 },
    );
    const response = await create({ model: 'two/gpt-x', stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    suite.second.play = answerJson(stored('resp_s'));
    expect((await call('GET', '/v1/responses/resp_s')).status).toBe(200);
    while (!(await reader?.read())?.done);
  });

  it('that nobody knows are a 404 without asking the provider', async () => {
    for (const response of [
      await call('GET', '/v1/responses/resp_unknown'),
      await call('DELETE', '/v1/responses/resp_unknown'),
    ]) {
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: 'response_not_found' } });
    }
    expect(suite.first.seen).toHaveLength(0);
  });

  it('that were not made through Loom are continued where the model has just one provider', async () => {
    suite.first.play = answerJson(stored('resp_next'));
    expect((await create({ previous_response_id: 'resp_unseen' })).status).toBe(200);
    expect(JSON.parse(String(suite.first.seen[0]?.body))).toMatchObject({
      previous_response_id: 'resp_unseen',
    });
    await suite.gateway.route('either', { fallbacks: [{ provider: 'two', model: 'gpt-x' }] });
    const either = await create({ model: 'either', previous_response_id: 'resp_unseen' });
    expect([either.status, await either.json()]).toMatchObject([
      404,
      { error: { code: 'response_not_found' } },
    ]);
    const translated = await create({ model: 'claude/claude-x', previous_response_id: 'resp_unseen' });
    expect([translated.status, await translated.json()]).toMatchObject([
      422,
      { error: { param: 'previous_response_id' } },
    ]);
    expect(suite.first.seen).toHaveLength(1);
  });

  it('of another project are as unknown as those that never were', async () => {
    suite.first.play = answerJson(stored('resp_secret'));
    await create();
    const key = newApiKey();
    const project = { id: 'p2', organizationId: 'o1', name: 'x', capture: 'strict', content: 'searchable' };
    await suite.gateway.publish({ entity: 'project', value: project });
    await suite.gateway.publishKey(key, { projectId: 'p2' });
    await suite.gateway.settled();
    const seen = suite.first.seen.length;
    const foreign = await call('GET', '/v1/responses/resp_secret', key.text);
    const unknown = await call('GET', '/v1/responses/resp_nothing', key.text);
    const continued = await suite.post(
      '/v1/responses',
      { model: 'gpt-x', input: 'hi', previous_response_id: 'resp_secret' },
      { authorization: `Bearer ${key.text}` },
    );
    expect(continued.status).toBe(404);
    expect([foreign.status, unknown.status]).toEqual([404, 404]);
    expect((await foreign.text()).replace('resp_secret', 'x')).toBe(
      (await unknown.text()).replace('resp_nothing', 'x'),
    );
    expect(suite.first.seen).toHaveLength(seen);
  });

  it('are continued at the provider that holds them, whatever provider the model leads to', async () => {
    suite.second.play = answerJson(stored('resp_two'));
    await create({ model: 'two/gpt-x' });
    await create({ model: 'gpt-x', previous_response_id: 'resp_two' });
    expect(suite.second.seen).toHaveLength(2);
  });

  it('are not continued with a model that their provider does not serve', async () => {
    suite.second.play = answerJson(stored('resp_held'));
    await create({ model: 'two/gpt-x' });
    const response = await create({ model: 'claude/claude-x', previous_response_id: 'resp_held' });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: { param: 'previous_response_id', message: expect.stringContaining('"two"') } },
    ]);
    expect(suite.second.seen).toHaveLength(1);
  });

  it('that run in the background have their usage once, when they are first seen complete', async () => {
    suite.first.play = answerJson(stored('resp_bg', { status: 'queued', usage: null }));
    const asked = await create({ background: true });
    expect(await suite.endOf(asked)).toMatchObject({ usage: null, usageSource: 'none' });
    suite.first.play = answerJson(stored('resp_bg'));
    const reads = [await call('GET', '/v1/responses/resp_bg'), await call('GET', '/v1/responses/resp_bg')];
    const ends = await Promise.all(reads.map((read) => suite.endOf(read)));
    expect(ends.map(({ usage }) => usage?.inputTokens ?? null)).toEqual([5, null]);
    expect(ends[0]?.facts.operation).toBe('retrieve_response');
  });

  it('are known again after a restart', async () => {
    suite.first.play = answerJson(stored('resp_kept'));
    await create();
    await suite.gateway.close();
    await suite.gateway.open();
    await suite.gateway.settled();
    expect((await call('GET', '/v1/responses/resp_kept')).status).toBe(200);
  });

  it.each([
    ['PUT', '/v1/responses/resp_1', 405],
    ['GET', '/v1/responses/resp_1/cancel', 405],
    ['GET', '/v1/responses/resp_1/other', 404],
    ['GET', '/v1/responses/..%2f..%2fmodels', 404],
  ])('answers %s %s with %d', async (method, path, status) => {
    expect((await call(method, path)).status).toBe(status);
  });
});
