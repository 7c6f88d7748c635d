import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLoomClient } from './client.ts';
import { LiveEvent } from './live.ts';
import { liveEventTypes } from './live-event-types.ts';
import { createPlainClient, type LoomClient, type LoomClientOptions } from './plain-client.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function clientOf(
  listener: RequestListener,
  create: (options: LoomClientOptions) => LoomClient = createLoomClient,
): Promise<LoomClient> {
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  return create({ queryUrl: url, controlUrl: url, apiKey: 'key' });
}

describe('createLoomClient', () => {
  it('calls a route with its parameters, query and key', async () => {
    let seen = {};
    const client = await clientOf((request, response) => {
      seen = { url: request.url, method: request.method, authorization: request.headers.authorization };
      response.end(JSON.stringify({ traces: [], nextCursor: null, unsearched: null, added: 'later' }));
    });
    const answer = await client.listTraces({ query: { filter: 'model:a b', limit: 5 } });
    expect(answer).toEqual({ traces: [], nextCursor: null, unsearched: null });
    expect(seen).toEqual({
      url: '/v1/traces?filter=model%3Aa+b&limit=5',
      method: 'GET',
      authorization: 'Bearer key',
    });
  });

  it('keeps a parameter inside its path segment', async () => {
    let url: string | undefined;
    const client = await clientOf((request, response) => {
      url = request.url;
      response.end('{"ok":true}');
    });
    await client.deleteAlias({ params: { id: '../keys/1?x' } });
    expect(url).toBe('/v1/aliases/..%2Fkeys%2F1%3Fx');
    for (const id of ['.', '..'])
      await expect(client.deleteAlias({ params: { id } })).rejects.toMatchObject({
        ...{ code: 'invalid_request', param: 'id' },
      });
  });

  it("rejects with the server's error", async () => {
    const client = await clientOf((_, response) => {
      response.writeHead(404);
      response.end(JSON.stringify({ error: { code: 'not_found', message: 'no trace', param: 'traceId' } }));
    });
    await expect(client.getTrace({ params: { traceId: 'a'.repeat(32) } })).rejects.toMatchObject({
      code: 'not_found',
      message: 'no trace',
      param: 'traceId',
    });
  });

  it('says so when nobody answers, and when the answer is no JSON of Loom', async () => {
    const client = await clientOf((_, response) => response.writeHead(502).end('<html>'));
    await expect(client.listKeys()).rejects.toMatchObject({ code: 'upstream_failed' });
    const gone = createLoomClient({ queryUrl: 'http://127.0.0.1:1', controlUrl: '', apiKey: null });
    await expect(gone.listTraces()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('reads live events cut anywhere, and skips comments and kinds that it does not know', async () => {
    const time = '2026-11-22T10:00:00.000000Z';
    const dropped = (count: number) => JSON.stringify({ type: 'events.dropped', time, count });
    const text = `: hello\n\nevent: events.dropped\ndata: ${dropped(1)}\n\ndata: {"type":"new"}\r\n\r\ndata: ${dropped(2)}\n\n`;
    const client = await clientOf((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const character of text) response.write(character);
      response.end('data: {"cut');
    });
    const counts: unknown[] = [];
    for await (const event of client.live()) counts.push('count' in event && event.count);
    expect(counts).toEqual([1, 2]);
  });
});

describe('createPlainClient', () => {
  it('takes an answer as it came, and a refusal as an error', async () => {
    const client = await clientOf((request, response) => {
      if (request.url === '/v1/traces') return void response.end('{"traces":[],"added":"later"}');
      response.writeHead(403);
      response.end('{"error":{"code":"permission_denied","message":"no","details":{"need":"x"}}}');
    }, createPlainClient);
    expect(await client.listTraces()).toEqual({ traces: [], added: 'later' });
    await expect(client.listKeys()).rejects.toMatchObject({
      code: 'permission_denied',
      details: { need: 'x' },
    });
  });

  it('says so when an answer is no JSON, also that of a refusal', async () => {
    const client = await clientOf((request, response) => {
      if (request.url !== '/v1/traces') response.writeHead(502);
      response.end('<html>');
    }, createPlainClient);
    await expect(client.listTraces()).rejects.toMatchObject({ code: 'upstream_failed' });
    await expect(client.listKeys()).rejects.toMatchObject({ code: 'upstream_failed' });
  });

  it('knows the same kinds of live events as the schema', () => {
    expect([...liveEventTypes].sort()).toEqual(LiveEvent.options.map(({ shape }) => shape.type.value).sort());
  });
});
