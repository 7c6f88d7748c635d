import { type Envelope } from '@loom/ledger';
import { nanosOfMillis, uuidTimeMs } from '@loom/trace-schema';
import { type FactTable, factTableOf } from '@loom/trace-schema/stored-columns';
import type { StoredFields, TraceAuditor } from '@loom/trace-store';

/** A leaf whose envelope was read. */
export interface ReadLeaf {
  readonly index: number;
  readonly envelope: Envelope;
}

type LeafOfRow = ReadLeaf & { readonly table: FactTable };

/** Calls start when their id says, give or take this. Milliseconds. */
const startToleranceMs = 1000;

/** The rows that the events of some leaves became, read many at once. */
export class LeafRows {
  readonly #rows: ReadonlyMap<string, readonly StoredFields[]>;

  private constructor(rows: ReadonlyMap<string, readonly StoredFields[]>) {
    this.#rows = rows;
  }

  static async read(
    store: Pick<TraceAuditor, 'storedRows'>,
    projectId: string,
    leaves: readonly ReadLeaf[],
  ): Promise<LeafRows> {
    const ofRows = leaves.flatMap((leaf): LeafOfRow[] => {
      const table = factTableOf(leaf.envelope.kind);
      return table ? [{ ...leaf, table }] : [];
    });
    const rows = new Map<string, StoredFields[]>();
    for (const [table, own] of Map.groupBy(ofRows, (leaf) => leaf.table)) {
      const missing = await readInto(rows, store, projectId, table, own, startsOf(own));
      if (missing.length > 0 && table !== 'capture_events')
        await readInto(rows, store, projectId, table, missing, null);
    }
    return new LeafRows(rows);
  }

  /** All that are there for a leaf: none, one, or more than there should be. */
  of({ id }: Envelope): readonly StoredFields[] {
    return this.#rows.get(id) ?? [];
  }
}

/** Reads by the span, since the id of the event may have been changed; gives the leaves that nothing was found of. */
async function readInto(
  rows: Map<string, StoredFields[]>,
  store: Pick<TraceAuditor, 'storedRows'>,
  projectId: string,
  table: FactTable,
  leaves: readonly LeafOfRow[],
  started: { readonly from: string; readonly to: string } | null,
): Promise<LeafOfRow[]> {
  const isBySpan = started !== null && (table === 'spans' || table === 'calls_accepted');
  const by = isBySpan ? ('spanId' as const) : ('eventId' as const);
  const ids = leaves.map(({ envelope }) => (isBySpan ? (envelope.spanId ?? '') : envelope.id));
  const found = await store.storedRows({ projectId, table, by, ids, started });
  const idField = isBySpan ? 'spanId' : table === 'costs' ? 'id' : 'eventId';
  const byId = Map.groupBy(found, (row) => row[idField]);
  return leaves.filter(({ envelope }, at) => {
    const own = byId.get(ids[at]);
    if (own) rows.set(envelope.id, [...own]);
    return !own;
  });
}

function startsOf(leaves: readonly LeafOfRow[]): { readonly from: string; readonly to: string } | null {
  const times = leaves.map(({ envelope: { callId = '' } }) => uuidTimeMs(callId)).filter(Number.isFinite);
  if (times.length === 0) return null;
  return {
    from: nanosOfMillis(Math.min(...times) - startToleranceMs),
    to: nanosOfMillis(Math.max(...times) + startToleranceMs),
  };
}
