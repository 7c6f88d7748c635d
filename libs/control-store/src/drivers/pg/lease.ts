import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';

const leaseSeconds = 10;
const renewEveryMs = 3000;

/**
 * A lock that ends by itself when its holder is gone. PostgreSQL's session locks would not do: behind a pooler, and on
 * the embedded engine, connections share a backend and with it the lock.
 */
export async function withLease(
  db: NodePgDatabase,
  name: 'publisher' | 'eraser',
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const lease = { name, holder: randomUUID() };
  if (!(await take(db, lease))) return false;
  const lost = new AbortController();
  const renewal = setInterval(() => {
    take(db, lease).then(
      (held) => held || lost.abort(new Error(`another ${name} has the lease`)),
      (error: unknown) => lost.abort(error),
    );
  }, renewEveryMs);
  try {
    await work(lost.signal);
  } finally {
    clearInterval(renewal);
    await db.execute(sql`DELETE FROM leases WHERE name = ${name} AND holder = ${lease.holder}`);
  }
  return true;
}

/** Takes or renews; false while another holder's lease runs. The clock is the database's. */
async function take(
  db: NodePgDatabase,
  { name, holder }: { readonly name: string; readonly holder: string },
): Promise<boolean> {
  const { rows } = await db.execute(sql`
    INSERT INTO leases (name, holder, expires_at)
    VALUES (${name}, ${holder}, clock_timestamp() + make_interval(secs => ${leaseSeconds}))
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE leases.holder = excluded.holder OR leases.expires_at < clock_timestamp()
    RETURNING holder`);
  return rows.length === 1;
}
