import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLimitedServer, type LimitedServerOptions } from './limited-server.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const limits = { connectionsMax: 20, perAddressMax: 20, requestMs: 300, headersMs: 300 };
const get = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
const halfSent = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"half';

async function start(options: Partial<LimitedServerOptions> = {}): Promise<number> {
  const server = createLimitedServer({
    ...limits,
    onRequest: (request, response) => {
      request.resume().on('end', () => response.end('answered'));
    },
    faultBody: ({ status, message }) => ({ fault: { status, message } }),
    ...options,
  });
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** What comes until the server closes, or until it has come. */
interface Client {
  readonly socket: Socket;
  readonly received: () => string;
  readonly closed: Promise<unknown>;
}

async function open(port: number, text: string, from = '127.0.0.1'): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  sockets.push(socket);
  let received = '';
  socket.on('data', (data) => (received += data.toString())).on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(text);
  return { socket, received: () => received, closed };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds() && tries < 400; tries += 1) await new Promise((done) => setTimeout(done, 25));
  expect(holds()).toBe(true);
}

const connectionsOf = (server: Server) =>
  new Promise<number>((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );

describe('createLimitedServer', () => {
  it('ends half-sent bodies and half-sent headers by 408, though their clients never close', async () => {
    const port = await start();
    for (const text of [halfSent, 'POST / HTTP/1.1\r\nhost: x\r\ncontent-', 'GET ']) {
      const client = await open(port, text);
      await client.closed;
      expect(client.received()).toMatch(/^HTTP\/1\.1 408 .*"status":408/s);
    }
  });

  it('leaves a body its time when the application sees to bodies itself', async () => {
    const port = await start({ requestMs: 0 });
    const client = await open(port, 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n1234');
    await new Promise((done) => setTimeout(done, 1_500)); // longer than headers may take
    client.socket.write('5678');
    await until(() => client.received().endsWith('answered'));
  });

  it('answers whoever asks whole while many hold half-sent requests, and keeps to its number', async () => {
    const port = await start({ requestMs: 0 });
    const held: Client[] = [];
    for (let count = 0; count < 200; count += 1) {
      held.push(await open(port, count % 2 ? halfSent : ''));
      if (count % 40 === 39) {
        const good = await open(port, get);
        await until(() => good.received().endsWith('answered'));
      }
    }
    expect(await connectionsOf(servers[0] as Server)).toBeLessThanOrEqual(20);
    expect(held.filter(({ socket }) => !socket.destroyed).length).toBeGreaterThan(0);
  });

  it('takes no answer that is under way from anyone, and turns newcomers away when all are answered', async () => {
    const waiting: (() => void)[] = [];
    const port = await start({ onRequest: (_, response) => waiting.push(() => response.end('answered')) });
    const answered: Client[] = [];
    for (let count = 0; count < 20; count += 1) answered.push(await open(port, get));
    await until(() => waiting.length === 20);
    const newcomer = await open(port, get);
    await newcomer.closed;
    expect(newcomer.received()).toBe('');
    for (const end of waiting) end();
    for (const client of answered) await until(() => client.received().endsWith('answered'));
    const later = await open(port, get); // an idle connection made room
    await until(() => waiting.length === 21);
    waiting[20]?.();
    await until(() => later.received().endsWith('answered'));
  });

  it('keeps room for other addresses', async () => {
    const waiting: (() => void)[] = [];
    const port = await start({
      perAddressMax: 5,
      onRequest: (_, response) => waiting.push(() => response.end('answered')),
    });
    for (let count = 0; count < 10; count += 1) await open(port, get, '127.0.0.2');
    await until(() => waiting.length === 5);
    const other = await open(port, get, '127.0.0.3');
    await until(() => waiting.length === 6);
    waiting[5]?.();
    await until(() => other.received().endsWith('answered'));
    expect(waiting).toHaveLength(6);
  });

  it('leaves a client that takes nothing of its answer, and waits for an application that takes long', async () => {
    const large = Buffer.alloc(64 * 1024 * 1024);
    const onRequest: LimitedServerOptions['onRequest'] = ({ url }, response) => {
      if (url === '/large') response.end(large);
      else setTimeout(() => response.end('answered'), 1_200);
    };
    const port = await start({ stallMs: 300, onRequest });
    const stalled = await open(port, get.replace('/', '/large'));
    stalled.socket.pause();
    const slow = await open(port, get);
    await until(() => slow.received().endsWith('answered'));
    stalled.socket.resume();
    await stalled.closed;
    expect(stalled.received().length).toBeLessThan(large.length);
  });

  it.each([
    ['TRACE / HTTP/1.1\r\nhost: x\r\n\r\n', 405, /allow: GET, /],
    ['GET / HTTP/1.1\r\nhost: x\r\nHost: y\r\n\r\n', 400, /more than one host/],
    ['GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n', 400, /more than one host/],
    ['GET / HTTP/1.1\r\n\r\n', 400, /./],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431, /16 KiB/],
    ['nonsense\r\n\r\n', 400, /not valid HTTP/],
  ])('refuses %j', async (text, status, told) => {
    const client = await open(await start(), text);
    await client.closed;
    expect(client.received()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(client.received()).toMatch(told);
  });

  it('writes no second answer into one that has begun', async () => {
    const port = await start({
      onRequest: (request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half an answer');
        request.resume();
      },
    });
    const client = await open(port, halfSent);
    await client.closed;
    expect(client.received().match(/HTTP\/1\.1/g)).toEqual(['HTTP/1.1']);
  });
});
