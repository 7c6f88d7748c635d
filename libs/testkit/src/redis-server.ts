import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { askServer } from './ask-server.ts';
import { freePorts, type RealServer, startServerProcess } from './server-process.ts';

export interface RedisServerOptions {
  /** Holds its append-only file and log; the same folder again is the same data again. */
  readonly directory: string;
  readonly port?: number;
}

/** What a Redis needs and this machine has not, with the remedy; null when all is there. */
export function missingForRedis(): string | null {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'redis-server: apt-get install redis-server';
  }
}

/** Starts Debian's Redis on loopback with a random password and an append-only file (fsync each second). */
export async function startRedis(options: RedisServerOptions): Promise<RealServer> {
  const { directory } = options;
  await mkdir(directory, { recursive: true });
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  const password = randomBytes(16).toString('hex');
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir: directory,
    requirepass: password,
    appendonly: 'yes',
    save: '',
    daemonize: 'no',
  };
  return startServerProcess({
    name: 'Redis',
    url: new URL(`redis://:${password}@127.0.0.1:${port}/0`),
    command: 'redis-server',
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    logFile: join(directory, 'server.log'),
    stopSignal: 'SIGTERM',
    isReady: async () => {
      const answer = await askServer(port, Buffer.from(`AUTH ${password}\r\nPING\r\n`));
      return answer?.toString().startsWith('+OK') ?? false;
    },
  });
}
