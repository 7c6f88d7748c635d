import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, globSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts, type RealServer, startServerProcess } from './server-process.ts';

export interface PostgresServerOptions {
  /** Holds the cluster and its log; the same folder again is the same data again. */
  readonly directory: string;
  readonly port?: number;
}

/** What a PostgreSQL needs and this machine has not, with the remedy; null when all is there. */
export function missingForPostgres(): string | null {
  return binaries() === null ? 'PostgreSQL 15 or later: apt-get install postgresql' : null;
}

/**
 * Starts Debian's PostgreSQL on loopback with a random password for `postgres`. Root may not run it: there it runs as
 * the user `postgres`, who must be able to enter the folder above `directory`.
 */
export async function startPostgres(options: PostgresServerOptions): Promise<RealServer> {
  const bin = binaries();
  if (bin === null) throw new Error(`missing: ${String(missingForPostgres())}`);
  const directory = options.directory;
  const user = process.getuid?.() === 0 ? postgresUser() : undefined;
  await mkdir(directory, { recursive: true });
  if (user) {
    chownSync(directory, user.uid, user.gid);
    await chmod(dirname(directory), 0o711);
  }
  const passwordFile = join(directory, 'password');
  const data = join(directory, 'data');
  if (!existsSync(data)) {
    await writeFile(passwordFile, randomBytes(16).toString('hex'), { mode: 0o600 });
    if (user) chownSync(passwordFile, user.uid, user.gid);
    await run(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-N'],
      { cwd: '/', ...user },
    );
  }
  const password = await readFile(passwordFile, 'utf8');
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  return startServerProcess({
    name: 'PostgreSQL',
    url: new URL(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`),
    command: join(bin, 'postgres'),
    args: ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', ''],
    logFile: join(directory, 'server.log'),
    stopSignal: 'SIGINT',
    ...(user ? { user } : {}),
    isReady: () =>
      run(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).then(
        () => true,
        () => false,
      ),
  });
}

const run = promisify(execFile);

// Debian keeps the server's programs of each version in a folder of their own, outside of PATH.
function binaries(): string | null {
  const versions = globSync('/usr/lib/postgresql/*/bin').sort(
    (a, b) => Number(a.split('/')[4]) - Number(b.split('/')[4]),
  );
  return versions.findLast((bin) => existsSync(join(bin, 'initdb'))) ?? null;
}

function postgresUser(): { uid: number; gid: number } {
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}
