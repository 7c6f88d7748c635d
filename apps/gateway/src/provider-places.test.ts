import { generateKeyPairSync, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson, type Play, UpstreamPlayer } from '@loom/testkit';
import { GatewayHarness } from './testing/gateway-harness.ts';
import { chatAnswer } from './testing/gateway-suite.ts';

const message = { id: 'm', type: 'message', role: 'assistant', model: 'c', content: [{ type: 'text', text: 'ok' }], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } }; // prettier-ignore
const gemini = {
  candidates: [{ content: { parts: [{ text: 'ok' }] }, finishReason: 'STOP' }],
  responseId: 'r',
};
const converse = { output: { message: { content: [{ text: 'ok' }] } }, stopReason: 'end_turn', usage: { inputTokens: 1, outputTokens: 1 } }; // prettier-ignore
const cohere = { id: 'x', finish_reason: 'COMPLETE', message: { content: [{ type: 'text', text: 'ok' }] } };

describe('a provider is asked where and how its kind wants it', () => {
  let upstream: UpstreamPlayer;
  let gateway: GatewayHarness;
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  beforeAll(async () => {
    upstream = await UpstreamPlayer.start();
    gateway = await GatewayHarness.start({ LOOM_OUTBOUND_ALLOW: '127.0.0.1' });
    const host = upstream.url.replace(/\/v1$/, '');
    const account = {
      type: 'service_account',
      client_email: 'a@p.iam',
      private_key: privateKey,
      token_uri: `${host}/token`,
    };
    const add = (
      name: string,
      kind: string,
      path: string,
      credential: string,
      options?: Record<string, string>,
    ) =>
      gateway.provider(
        { name, kind, baseUrl: host + path, models: [], ...(options ? { options } : {}) },
        credential,
      );
    await add('anthropic', 'anthropic', '', 'sk-a');
    await add('anthropic-v1', 'anthropic', '/v1', 'sk-a');
    await add('gemini', 'gemini', '/v1beta', 'g-key');
    await add('azure', 'azure-openai', '/openai', 'az-key', { apiVersion: '2024-10-21' });
    await add('azure-v1', 'azure-openai', '/openai/v1', 'az-key');
    await add('bedrock', 'aws-bedrock', '', 'AKID:secret:session', { region: 'eu-west-1' });
    await add('bedrock-key', 'aws-bedrock', '', 'bedrock-api-key', { region: 'eu-west-1' });
    await add('cohere', 'cohere', '/v2', 'c-key');
    await add('vertex', 'vertex-ai', '/v1/projects/p/locations/l', JSON.stringify(account, null, 2));
    await add('vertex-token', 'vertex-ai', '/v1/projects/p/locations/l', 'ya29.token');
  });
  afterAll(async () => {
    await gateway.destroy();
    await upstream.close();
  });

  const ask = async (model: string, play: Play, stream = false) => {
    upstream.seen.length = 0;
    upstream.play = play;
    const response = await gateway.chat({ model, stream, messages: [{ role: 'user', content: 'hi' }] });
    const text = await response.text();
    return { status: response.status, text, seen: upstream.seen };
  };

  it.each([
    [
      'anthropic/claude-x',
      message,
      '/v1/messages',
      { 'x-api-key': 'sk-a', 'anthropic-version': '2023-06-01' },
    ],
    ['anthropic-v1/claude-x', message, '/v1/messages', { 'x-api-key': 'sk-a' }],
    ['gemini/gemini-x', gemini, '/v1beta/models/gemini-x:generateContent', { 'x-goog-api-key': 'g-key' }],
    [
      'azure/my-gpt',
      chatAnswer(),
      '/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21',
      { 'api-key': 'az-key' },
    ],
    ['azure-v1/my-gpt', chatAnswer(), '/openai/v1/chat/completions', { 'api-key': 'az-key' }],
    ['bedrock-key/a.b:0', converse, '/model/a.b%3A0/converse', { authorization: 'Bearer bedrock-api-key' }],
    ['cohere/command-x', cohere, '/v2/chat', { authorization: 'Bearer c-key' }],
    ['vertex-token/gemini-x', gemini, '/v1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent', { authorization: 'Bearer ya29.token' }], // prettier-ignore
    [
      'vertex-token/claude-x',
      message,
      '/v1/projects/p/locations/l/publishers/anthropic/models/claude-x:rawPredict',
      {},
    ],
  ])('%s', async (model, answer, url, headers) => {
    const { status, text, seen } = await ask(model, answerJson(answer));
    expect([status, text]).toEqual([200, expect.stringContaining('"content":"ok"')]);
    expect(seen[0]).toMatchObject({ url, headers });
    expect(seen[0]?.headers).not.toHaveProperty('x-loom-session-id');
  });

  it('names no model in the body where the path has it (Claude on Vertex AI), and its version', async () => {
    const { seen } = await ask('vertex-token/claude-x', answerJson(message));
    const body = JSON.parse(seen[0]?.body.toString() ?? '') as object;
    expect(body).toMatchObject({ anthropic_version: 'vertex-2023-10-16' });
    expect(body).not.toHaveProperty('model');
  });

  it.each([
    [
      'gemini-x:streamGenerateContent?alt=sse',
      'google/models/gemini-x:streamGenerateContent?alt=sse',
      '"contents"',
    ],
    ['gemini-x:countTokens', 'google/models/gemini-x:countTokens', '"contents"'],
    ['claude-x:generateContent', 'anthropic/models/claude-x:rawPredict', '"anthropic_version"'],
  ])('takes %s of Gemini’s dialect to Vertex AI', async (asked, path, member) => {
    upstream.seen.length = 0;
    upstream.play = answerJson({ ...gemini, ...message, totalTokens: 7 });
    const response = await fetch(`${gateway.url}/v1beta/models/vertex-token/${asked}`, {
      method: 'POST',
      headers: { 'x-goog-api-key': gateway.token, 'content-type': 'application/json' },
      body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] }),
    });
    expect(response.status).toBe(200);
    const [sent] = upstream.seen;
    expect(sent?.url).toBe(`/v1/projects/p/locations/l/publishers/${path}`);
    expect(sent?.body.toString()).toContain(member);
  });

  it('signs requests to Bedrock, for its region and with the session', async () => {
    const { seen } = await ask('bedrock/anthropic.claude-v2:1', answerJson(converse));
    const { authorization, 'x-amz-security-token': token, 'x-amz-date': date } = seen[0]?.headers ?? {};
    expect(authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/bedrock\/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$/,
    );
    expect([token, date]).toEqual(['session', expect.stringMatching(/^\d{8}T\d{6}Z$/)]);
  });

  it('trades the key of a service account for a token, once, and says so when there is none', async () => {
    const tokens: string[] = [];
    const play: Play = (request, response) => {
      if (!request.url.endsWith('/token')) return answerJson(gemini)(request, response);
      tokens.push(new URLSearchParams(request.body.toString()).get('assertion') ?? '');
      return answerJson({ access_token: `ya29.${tokens.length}`, expires_in: 3600 })(request, response);
    };
    expect((await ask('vertex/gemini-x', play)).status).toBe(200);
    const { seen } = await ask('vertex/gemini-x', play);
    expect(seen.at(-1)?.headers.authorization).toBe('Bearer ya29.1');
    expect(tokens).toHaveLength(1);
    const [head = '', claims = '', signature = ''] = tokens[0]?.split('.') ?? [];
    const signed = Buffer.from(`${head}.${claims}`);
    expect(verify('RSA-SHA256', signed, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ iss: 'a@p.iam' });
  });

  it('does not hand out why a token was refused, but that it was', async () => {
    const host = upstream.url.replace(/\/v1$/, '');
    const account = { client_email: 'b@p.iam', private_key: privateKey, token_uri: `${host}/token` };
    await gateway.provider(
      { name: 'vertex-bad', kind: 'vertex-ai', baseUrl: host, models: [] },
      JSON.stringify(account),
    );
    const { status, text } = await ask('vertex-bad/gemini-x', answerJson({ error: 'invalid_grant' }, 400));
    expect([status, text]).toEqual([
      503,
      expect.stringContaining('gave no access token: status 400 invalid_grant'),
    ]);
    expect(text).not.toContain('PRIVATE KEY');
  });
});
