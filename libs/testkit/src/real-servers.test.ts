import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { askServer } from './ask-server.ts';
import { missingForKafka, startKafka } from './kafka-server.ts';
import { missingForPostgres, startPostgres } from './postgres-server.ts';
import { missingForRedis, startRedis } from './redis-server.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'loom-servers-'));
});
afterAll(() => rm(directory, { recursive: true }));

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const ping = (url: URL) =>
  askServer(Number(url.port), Buffer.from(`AUTH ${url.password}\r\nPING\r\n`)).then((answer) =>
    String(answer),
  );

(missingForRedis() === null ? describe : describe.skip)('startRedis', () => {
  it('keeps data and URL over a kill, is silent while paused and answers after', async () => {
    const redis = await startRedis({ directory: join(directory, 'redis') });
    const first = redis.pid;
    expect(await ping(redis.url)).toContain('+OK');
    expect(String(await askServer(Number(redis.url.port), Buffer.from('PING\r\n')))).toContain('NOAUTH');
    await redis.pause();
    expect(await ping(redis.url)).toBe('null');
    redis.resume();
    expect(await ping(redis.url)).toContain('+OK');
    await redis.kill();
    expect(isAlive(first)).toBe(false);
    await redis.start();
    expect(redis.pid).not.toBe(first);
    expect(await ping(redis.url)).toContain('+OK');
    await redis.stop();
    expect(await ping(redis.url)).toBe('null');
  });

  it('is gone when the process that started it was killed', async () => {
    const script = `
      const { startRedis } = await import(process.argv[1]);
      const server = await startRedis({ directory: process.argv[2] });
      console.log(server.pid);
      setInterval(() => {}, 1000);`;
    const parent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        script,
        join(import.meta.dirname, 'redis-server.ts'),
        join(directory, 'orphan'),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (let tries = 0; isAlive(pid) && tries < 100; tries += 1) await delay(50);
    expect(isAlive(pid)).toBe(false);
  });
});

(missingForPostgres() === null ? describe : describe.skip)('startPostgres', () => {
  it('answers with the password of its URL and is there again after a kill', async () => {
    const postgres = await startPostgres({ directory: join(directory, 'postgres') });
    const select = (url: URL) =>
      new Promise<string>((resolve) => {
        execFile('psql', [url.href, '-tAc', 'select 40 + 2'], (error, stdout, stderr) =>
          resolve(error ? stderr : stdout.trim()),
        );
      });
    expect(await select(postgres.url)).toBe('42');
    const wrong = new URL(postgres.url);
    wrong.password = 'wrong';
    expect(await select(wrong)).toContain('password authentication failed');
    await postgres.kill();
    await postgres.start();
    expect(await select(postgres.url)).toBe('42');
    await postgres.stop();
  });
});

(missingForKafka() === null ? describe : describe.skip)('startKafka', () => {
  it('says what happened when it cannot start', async () => {
    const kafka = await startKafka({ directory: join(directory, 'kafka') });
    await kafka.stop();
    const file = join(directory, 'kafka/data/meta.properties');
    await rm(file);
    await expect(kafka.start()).rejects.toThrow(/Apache Kafka did not start: the end of .*server\.log/s);
  });
});
