import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { listenFault } from './listen-fault.ts';

/** The error of the operating system itself. */
function errorOfListening(port: number, host: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => reject(new Error('it listens'))));
  });
}

describe('listenFault', () => {
  it('names a port that is in use, its variable and the remedy', async () => {
    const first = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => first.once('listening', resolve));
    const { port } = first.address() as { port: number };
    const error = await errorOfListening(port, '127.0.0.1');
    first.close();
    expect(listenFault(error, { host: '127.0.0.1', port, variables: 'LOOM_QUERY' })).toBe(
      `LOOM_QUERY_PORT: port ${port} of 127.0.0.1 is in use; stop the process that uses it, or set another port`,
    );
  });

  it('names an address that is not of this machine', async () => {
    const error = await errorOfListening(0, '192.0.2.1');
    expect(listenFault(error, { host: '192.0.2.1', port: 0, variables: 'LOOM_QUERY' })).toBe(
      'LOOM_QUERY_HOST: 192.0.2.1 is not an address of this machine; set another one',
    );
  });

  it('says who may use a port that is privileged', () => {
    const error = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
    expect(listenFault(error, { host: '127.0.0.1', port: 80 })).toBe(
      'port 80 of 127.0.0.1 is for root alone; set a port above 1023',
    );
  });

  it('leaves other errors to others', () => {
    expect(listenFault(new Error('no'), { host: 'h', port: 1 })).toBeNull();
  });
});
