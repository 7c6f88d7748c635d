import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockDirectory } from './directory-lock.ts';
import { openClickHouseServer } from './drivers/chdb/clickhouse-http-server.ts';
import { openPostgresServer } from './drivers/pglite/postgres-server.ts';

export interface EngineHostOptions {
  /** Made when it is not there. One engine host at a time. */
  readonly directory: string;
  /** 0 or absent: any free port. */
  readonly traceStorePort?: number;
  readonly controlStorePort?: number;
  /** Of both engines; absent: a random one. Letters, digits, `-` and `_`. */
  readonly password?: string;
}

export interface EngineHost {
  /** `http://loom:<password>@127.0.0.1:<port>/loom`, for ClickHouse's client. */
  readonly traceStoreUrl: string;
  /** `postgres://postgres:<password>@127.0.0.1:<port>/postgres`. */
  readonly controlStoreUrl: string;
  /** Waits for running statements, then lets go of the directory. */
  close(): Promise<void>;
}

/**
 * Opens both embedded engines and serves them on loopback. What ClickHouse's interface acknowledged with
 * `fsync_after_insert` survives the loss of power; what PostgreSQL's acknowledged survives the loss of the process.
 * `conflict` when another process has the directory.
 */
export async function openEngineHost(options: EngineHostOptions): Promise<EngineHost> {
  const lock = await lockDirectory(options.directory);
  const password = options.password ?? randomBytes(24).toString('base64url');
  const closers: (() => Promise<void>)[] = [() => lock.release()];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  try {
    const traceStore = await openClickHouseServer({
      directory: await subdirectory(options.directory, 'chdb'),
      port: options.traceStorePort ?? 0,
      user: 'loom',
      password,
    });
    closers.push(() => traceStore.close());
    const controlStore = await openPostgresServer({
      directory: await subdirectory(options.directory, 'pglite'),
      port: options.controlStorePort ?? 0,
      password,
    });
    closers.push(() => controlStore.close());
    return {
      traceStoreUrl: `http://loom:${password}@127.0.0.1:${traceStore.port}/loom`,
      controlStoreUrl: `postgres://postgres:${password}@127.0.0.1:${controlStore.port}/postgres`,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function subdirectory(directory: string, name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}
