import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Span } from '@loom/api-contract';
import { recordedCases } from '@loom/testkit';
import { recordFixture } from './record-fixture.ts';

describe('recordFixture', () => {
  let server: Server;
  let into: string;
  let asked: { url: string; body: Record<string, unknown> } | null = null;
  let status = 200;
  beforeAll(async () => {
    into = await mkdtemp(join(tmpdir(), 'loom-fixtures-'));
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        asked = { url: request.url ?? '', body: JSON.parse(text) as Record<string, unknown> };
        response
          .writeHead(status, { 'x-loom-trace-id': 't', 'x-loom-span-id': 's' })
          .end('{"error":"no key"}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(into, { recursive: true });
  });

  const record = (name: string, span: Partial<Span>, bytes: Buffer, stream: boolean) =>
    recordFixture(
      { name, model: 'p/m', stream, request: null, into },
      {
        gatewayUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        apiKey: 'k',
        client: {
          getTrace: () => Promise.resolve({ spans: [{ spanId: 's', ...span }] }) as never,
          getSpanRaw: () => Promise.resolve(bytes),
        },
      },
    );

  it.each(
    recordedCases()
      .filter(({ name, stream }) => stream && /-text\.(1\.)?chunks/.test(name))
      .map((found) => [found.name, found] as const),
  )('writes %s as it was recorded before', async (name, recorded) => {
    const [provider = '', file = ''] = name.split('/');
    const api = /openai|azure|mistral|groq|deepseek|xai/.test(provider) ? 'chat' : 'native';
    const path = await record(
      `${provider}/${api}/${file.replace('.chunks.txt', '')}`,
      { dialect: recorded.wire, wire: null },
      recorded.bytes,
      true,
    );
    expect(asked?.body).toMatchObject({ model: 'p/m', stream: true });
    const written = (await readFile(path, 'utf8')).trim().split('\n');
    const payload = (piece: Buffer) => /^data: (.+?)\r?$/m.exec(piece.toString())?.[1] ?? '';
    if (recorded.wire === 'bedrock-converse')
      expect(Object.keys(JSON.parse(written[0] ?? '') as object)).toHaveLength(1);
    else expect(written).toEqual(recorded.pieces.map(payload).filter((line) => line !== '[DONE]'));
  });

  it('writes a JSON answer as it is, asking by the API of its folder', async () => {
    const path = await record(
      'anthropic/native/new',
      { dialect: 'anthropic-messages', wire: null },
      Buffer.from('{"a":1}'),
      false,
    );
    expect([asked?.url, await readFile(path, 'utf8')]).toEqual(['/v1/messages', '{"a":1}']);
  });

  it.each(['openai', 'openai/chat/', 'openai/telepathy/x', 'openai/chat/../../x', '../x/chat/y'])(
    'refuses the name %s',
    async (name) => {
      await expect(record(name, {}, Buffer.alloc(0), false)).rejects.toMatchObject({
        code: 'invalid_request',
      });
    },
  );

  it("tells the provider's words when there is nothing to record", async () => {
    status = 401;
    await expect(record('openai/chat/x', {}, Buffer.alloc(0), false)).rejects.toThrow(/401.*no key/);
    status = 200;
  });
});
