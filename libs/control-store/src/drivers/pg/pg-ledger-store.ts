import { LoomError } from '@loom/errors';
import { sql, type SQL } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import {
  type AnchorState,
  type Append,
  type BucketKey,
  type CheckpointPlace,
  type KindQuery,
  leavesPageMax,
  type LedgerStore,
  type LogHead,
  type Progress,
  type ProgressQuery,
  type StoredCheckpoint,
  type StoredCosignature,
  type StoredGap,
  type StoredLeaf,
  type StoredTile,
  type TileKey,
} from '../../ledger-store.ts';
import { appendStatement } from './append-statement.ts';
import { asLoomError } from './change-log.ts';
import { ErasureRecords } from './erasure-records.ts';
import { withLease } from './lease.ts';
import { findChanges, findUnsealedChanges } from './unsealed-changes.ts';

const hashBytes = 32;
const foundMax = 100;
const listMax = 1000;

/** Logs in tables, by statements of their own: none of them waits for another. */
export class PgLedgerStore implements LedgerStore {
  readonly #db: NodePgDatabase;
  readonly #erasures: ErasureRecords;

  constructor(db: NodePgDatabase) {
    this.#db = db;
    this.#erasures = new ErasureRecords((statement) => this.#rows(statement));
  }

  async readHead(projectId: string): Promise<LogHead> {
    const [row] = await this.#rows<HeadRow>(sql`SELECT * FROM ledger_heads WHERE project_id = ${projectId}`);
    return row ? headOf(row) : { epoch: 0, size: 0, edge: [], appender: '' };
  }

  async listHeads() {
    const rows = await this.#rows<HeadRow>(
      sql`SELECT *, appended_at::text AS appended FROM ledger_heads ORDER BY project_id`,
    );
    return rows.map((row) => ({
      ...{ projectId: row.project_id, appendedAtMs: Date.parse(row.appended) },
      ...headOf(row),
    }));
  }

  async readProgress({ projectId, emitters, ids }: ProgressQuery): Promise<Progress> {
    const marks = await this.#rows<{ emitter: string; seq: string }>(
      sql`SELECT emitter, seq FROM ledger_marks WHERE project_id = ${projectId} AND emitter = ANY(${array(emitters)})`,
    );
    const gaps = await this.#rows<GapRow>(
      sql`SELECT * FROM ledger_gaps WHERE project_id = ${projectId} AND emitter = ANY(${array(emitters)}) ORDER BY from_seq`,
    );
    const known = await this.#rows<{ event_id: string }>(
      sql`SELECT event_id FROM ledger_leaves WHERE project_id = ${projectId} AND event_id = ANY(${array(ids)})`,
    );
    return {
      marks: new Map(marks.map(({ emitter, seq }) => [emitter, Number(seq)])),
      gaps: gaps.map(gapOf),
      knownIds: new Set(known.map(({ event_id: id }) => id)),
    };
  }

  async append(change: Append): Promise<boolean> {
    const [row] = await this.#rows<{ written: boolean }>(appendStatement(change));
    return row?.written ?? false;
  }

  async readLeaves(projectId: string, start: number, end: number): Promise<StoredLeaf[]> {
    const rows = await this.#rows<LeafRow>(sql`
      SELECT * FROM ledger_leaves WHERE project_id = ${projectId} AND index >= ${start} AND index < ${end}
      ORDER BY index LIMIT ${leavesPageMax}`);
    return rows.map(leafOf);
  }

  async kindsOf(projectId: string, eventIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#rows<{ event_id: string; kind: string }>(sql`
      SELECT event_id, kind FROM ledger_leaves
      WHERE project_id = ${projectId} AND event_id = ANY(${array(eventIds)})`);
    return new Map(rows.map(({ event_id: id, kind }) => [id, kind]));
  }

  async findLeaves(projectId: string, prefix: string): Promise<StoredLeaf[]> {
    // '0' follows '/' in the order of bytes.
    const rows = await this.#rows<LeafRow>(sql`
      SELECT * FROM ledger_leaves WHERE project_id = ${projectId}
        AND (event_id = ${prefix} OR (event_id > ${`${prefix}/`} AND event_id < ${`${prefix}0`}))
      ORDER BY index LIMIT ${foundMax}`);
    return rows.map(leafOf);
  }

  async listLeavesOfKinds(query: KindQuery): Promise<StoredLeaf[]> {
    const { projectId, kinds, from = 0, below = Number.MAX_SAFE_INTEGER, limit } = query;
    const rows = await this.#rows<LeafRow>(sql`
      SELECT * FROM ledger_leaves WHERE project_id = ${projectId} AND kind = ANY(${array(kinds)}) AND index >= ${from} AND index < ${below}
        AND kind NOT LIKE 'call.%' AND kind <> 'cost.computed'
      ORDER BY index DESC LIMIT ${limit}`);
    return rows.map(leafOf);
  }

  async countLeavesOfKinds(projectId: string): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#rows<{ kind: string; count: string }>(sql`
      SELECT kind, count(*) AS count FROM ledger_leaves WHERE project_id = ${projectId}
        AND kind NOT LIKE 'call.%' AND kind <> 'cost.computed' GROUP BY kind`);
    return new Map(rows.map(({ kind, count }) => [kind, Number(count)]));
  }

  async readCheckpoint(projectId: string, at?: CheckpointPlace): Promise<StoredCheckpoint | null> {
    const place = at === undefined ? sql`true` : placeCondition(at);
    const [row] = await this.#rows<CheckpointRow>(sql`
      SELECT * FROM ledger_checkpoints WHERE project_id = ${projectId} AND ${place} ORDER BY size DESC LIMIT 1`);
    return row ? checkpointOf(row) : null;
  }

  async checkpointOver(projectId: string, size: number): Promise<StoredCheckpoint | null> {
    const [row] = await this.#rows<CheckpointRow>(sql`
      SELECT * FROM ledger_checkpoints WHERE project_id = ${projectId} AND size >= ${size} ORDER BY size LIMIT 1`);
    return row ? checkpointOf(row) : null;
  }

  async publish(projectId: string, { size, edge, note, sealedAtMs }: StoredCheckpoint): Promise<void> {
    await this.#rows(sql`
      INSERT INTO ledger_checkpoints (project_id, size, edge, note, sealed_at_ms)
      VALUES (${projectId}, ${size}, ${Buffer.concat(edge)}, ${note}, ${sealedAtMs}) ON CONFLICT DO NOTHING`);
  }

  async putTiles(projectId: string, tiles: readonly StoredTile[]): Promise<void> {
    const rows = tiles.map(({ level, index, hashes }) => ({
      ...{ level, index },
      hashes: Buffer.from(hashes).toString('hex'),
    }));
    await this.#rows(sql`
      INSERT INTO ledger_tiles (project_id, level, index, hashes)
      SELECT ${projectId}, level, index, decode(hashes, 'hex')
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS tile(level smallint, index bigint, hashes text)
      ON CONFLICT (project_id, level, index) DO UPDATE SET hashes = excluded.hashes
        WHERE length(ledger_tiles.hashes) < length(excluded.hashes)`);
  }

  async readTiles(projectId: string, places: readonly TileKey[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const rows = await this.#rows<{ level: number; index: string; hashes: Buffer }>(sql`
      SELECT tile.level, tile.index, tile.hashes FROM ledger_tiles AS tile
      JOIN jsonb_to_recordset(${JSON.stringify(places)}::jsonb) AS place(level smallint, index bigint)
        ON tile.level = place.level AND tile.index = place.index
      WHERE tile.project_id = ${projectId}`);
    return new Map(rows.map(({ level, index, hashes }) => [`${level}/${index}`, hashes]));
  }

  async putCosignature(
    projectId: string,
    { size, witness, line, cosignedAtMs }: StoredCosignature,
  ): Promise<void> {
    await this.#rows(sql`
      INSERT INTO ledger_cosignatures (project_id, size, witness, line, cosigned_at_ms)
      VALUES (${projectId}, ${size}, ${witness}, ${line}, ${cosignedAtMs})
      ON CONFLICT (project_id, size, witness) DO UPDATE SET line = excluded.line, cosigned_at_ms = excluded.cosigned_at_ms`);
  }

  async listCosignatures(projectId: string, size: number): Promise<StoredCosignature[]> {
    const rows = await this.#rows<{ witness: string; line: string; cosigned_at_ms: string }>(sql`
      SELECT * FROM ledger_cosignatures WHERE project_id = ${projectId} AND size = ${size} ORDER BY witness`);
    return rows.map(({ witness, line, cosigned_at_ms: at }) => ({
      size,
      witness,
      line,
      cosignedAtMs: Number(at),
    }));
  }

  async putAnchor(projectId: string, { anchor, size, atMs, error }: AnchorState): Promise<void> {
    await this.#rows(sql`
      INSERT INTO ledger_anchors (project_id, anchor, size, at_ms, error)
      VALUES (${projectId}, ${anchor}, ${size}, ${atMs}, ${error})
      ON CONFLICT (project_id, anchor)
        DO UPDATE SET size = greatest(ledger_anchors.size, excluded.size), at_ms = excluded.at_ms, error = excluded.error`);
  }

  async listAnchors(projectId: string): Promise<AnchorState[]> {
    const rows = await this.#rows<{ anchor: string; size: string; at_ms: string; error: string | null }>(
      sql`SELECT * FROM ledger_anchors WHERE project_id = ${projectId} ORDER BY anchor`,
    );
    return rows.map(({ anchor, size, at_ms: at, error }) => ({
      anchor,
      size: Number(size),
      atMs: Number(at),
      error,
    }));
  }

  async listGaps(projectId: string | null): Promise<StoredGap[]> {
    const own = projectId === null ? sql`true` : sql`project_id = ${projectId}`;
    const rows = await this.#rows<GapRow>(
      sql`SELECT * FROM ledger_gaps WHERE ${own} ORDER BY noticed_at_ms, emitter, from_seq LIMIT ${listMax}`,
    );
    return rows.map(gapOf);
  }

  async listOverdueEnds(beforeMs: number) {
    const rows = await this.#rows<{
      project_id: string;
      emitter: string;
      mark: string;
      last_seq: string;
    }>(sql`
      SELECT ends.project_id, ends.emitter, coalesce(marks.seq, 0) AS mark, ends.last_seq
      FROM ledger_ends AS ends LEFT JOIN ledger_marks AS marks USING (project_id, emitter)
      WHERE ends.noticed_at_ms < ${beforeMs} AND coalesce(marks.seq, 0) < ends.last_seq LIMIT ${listMax}`);
    return rows.map(({ project_id: projectId, emitter, mark, last_seq: lastSeq }) => ({
      ...{ projectId, emitter },
      ...{ mark: Number(mark), lastSeq: Number(lastSeq) },
    }));
  }

  async dropReachedEnds(): Promise<void> {
    await this.#rows(sql`
      DELETE FROM ledger_ends USING ledger_marks AS marks
      WHERE marks.project_id = ledger_ends.project_id AND marks.emitter = ledger_ends.emitter
        AND marks.seq >= ledger_ends.last_seq`);
  }

  async listOverdueCalls(beforeMs: number) {
    const rows = await this.#rows<{ project_id: string; call_id: string; accepted_at_ms: string }>(sql`
      SELECT * FROM ledger_open_calls WHERE accepted_at_ms < ${beforeMs} AND NOT is_orphaned
      ORDER BY accepted_at_ms LIMIT ${listMax}`);
    return rows.map(({ project_id: projectId, call_id: callId, accepted_at_ms: at }) => ({
      ...{ projectId, callId },
      acceptedAtMs: Number(at),
    }));
  }

  async countOpenCalls(projectId: string) {
    const [row] = await this.#rows<{ open: string; orphaned: string }>(sql`
      SELECT count(*) AS open, count(*) FILTER (WHERE is_orphaned) AS orphaned
      FROM ledger_open_calls WHERE project_id = ${projectId}`);
    return { open: Number(row?.open ?? 0), orphaned: Number(row?.orphaned ?? 0) };
  }

  listUnsealedChanges(limit: number) {
    return findUnsealedChanges(this.#db, limit);
  }

  readChanges(ids: readonly string[]) {
    return findChanges(this.#db, ids);
  }

  async bucketKey(projectId: string, bucket: string, make: () => BucketKey): Promise<BucketKey> {
    const read = async () => {
      const [row] = await this.#rows<KeyRow>(
        sql`SELECT * FROM bucket_keys WHERE project_id = ${projectId} AND bucket = ${bucket} AND is_current`,
      );
      return row && keyOf(row);
    };
    const found = await read();
    if (found) return found;
    await this.#insertKey({ projectId, bucket, ...make() }, true);
    const made = await read();
    if (!made) throw new LoomError('unavailable', 'the bucket was erased meanwhile; try again');
    return made;
  }

  async keepBucketKey(key: Parameters<LedgerStore['keepBucketKey']>[0]): Promise<void> {
    await this.#insertKey(key, false);
  }

  async #insertKey(key: Parameters<LedgerStore['keepBucketKey']>[0], isCurrent: boolean): Promise<void> {
    const { keyId, projectId, bucket, sealedKey, createdAtMs, fromMs } = key;
    await this.#rows(sql`
      INSERT INTO bucket_keys (key_id, project_id, bucket, sealed_key, is_current, created_at_ms, from_ms)
      VALUES (${keyId}, ${projectId}, ${bucket}, ${sealedKey}, ${isCurrent}, ${createdAtMs}, ${fromMs})
      ON CONFLICT DO NOTHING`);
  }

  async readBucketKeys(keyIds: readonly string[]): Promise<ReadonlyMap<string, BucketKey>> {
    const rows = await this.#rows<KeyRow>(
      sql`SELECT * FROM bucket_keys WHERE key_id = ANY(${array(keyIds)})`,
    );
    return new Map(rows.map((row) => [row.key_id, keyOf(row)]));
  }

  async listBucketKeys(
    projectId: string,
    { buckets = [], daysBefore = '' }: Parameters<LedgerStore['listBucketKeys']>[1],
  ) {
    const rows = await this.#rows<KeyRow & { readonly bucket: string; readonly is_current: boolean }>(sql`
      SELECT * FROM bucket_keys WHERE project_id = ${projectId}
        AND (bucket = ANY(${array(buckets)}) OR (bucket LIKE 'day/%' AND bucket < ${`day/${daysBefore}`}))
      ORDER BY key_id`);
    return rows.map((row) => ({ ...keyOf(row), bucket: row.bucket, isCurrent: row.is_current }));
  }

  async deleteBucketKeys(keyIds: readonly string[]): Promise<void> {
    await this.#rows(sql`DELETE FROM bucket_keys WHERE key_id = ANY(${array(keyIds)})`);
  }

  async rewriteBucketKeys(): Promise<void> {
    await this.#rows(sql`VACUUM FULL bucket_keys`);
  }

  withEraserLock(work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    return withLease(this.#db, 'eraser', work);
  }

  createErasure(...[erasure]: Parameters<LedgerStore['createErasure']>) {
    return this.#erasures.create(erasure);
  }

  listErasures(projectId: string) {
    return this.#erasures.list(projectId);
  }

  listOpenErasures(limit: number) {
    return this.#erasures.listOpen(limit);
  }

  updateErasure(...args: Parameters<LedgerStore['updateErasure']>) {
    return this.#erasures.update(...args);
  }

  listRetentions() {
    return this.#erasures.listRetentions();
  }

  noteRetention(...[run]: Parameters<LedgerStore['noteRetention']>) {
    return this.#erasures.noteRetention(run);
  }

  async #rows<Row>(statement: SQL): Promise<Row[]> {
    try {
      return (await this.#db.execute(statement)).rows as Row[];
    } catch (error) {
      throw asLoomError(error);
    }
  }
}

interface HeadRow {
  readonly project_id: string;
  readonly epoch: string;
  readonly size: string;
  readonly edge: Buffer;
  readonly appender: string;
  readonly appended: string;
}

interface LeafRow {
  readonly index: string;
  readonly event_id: string;
  readonly kind: string;
  readonly time_ms: string;
  readonly envelope: string;
}

interface GapRow {
  readonly project_id: string;
  readonly emitter: string;
  readonly from_seq: string;
  readonly to_seq: string;
  readonly noticed_at_ms: string;
  readonly is_sealed: boolean;
}

interface CheckpointRow {
  readonly size: string;
  readonly edge: Buffer;
  readonly note: string;
  readonly sealed_at_ms: string;
}

interface KeyRow {
  readonly key_id: string;
  readonly sealed_key: string;
  readonly created_at_ms: string;
  readonly from_ms: string;
}

function headOf({ epoch, size, edge, appender }: HeadRow): LogHead {
  return { epoch: Number(epoch), size: Number(size), edge: nodesOf(edge), appender };
}

function leafOf({ index, event_id: eventId, kind, time_ms: timeMs, envelope }: LeafRow): StoredLeaf {
  return { index: Number(index), eventId, kind, timeMs: Number(timeMs), envelope };
}

function gapOf(row: GapRow): StoredGap {
  const { project_id: projectId, emitter, is_sealed: isSealed } = row;
  const [from, to, noticedAtMs] = [row.from_seq, row.to_seq, row.noticed_at_ms].map(Number) as [
    number,
    number,
    number,
  ];
  return { projectId, emitter, from, to, noticedAtMs, isSealed };
}

function checkpointOf({ size, edge, note, sealed_at_ms: sealedAtMs }: CheckpointRow): StoredCheckpoint {
  return { size: Number(size), edge: nodesOf(edge), note, sealedAtMs: Number(sealedAtMs) };
}

function keyOf({
  key_id: keyId,
  sealed_key: sealedKey,
  created_at_ms: at,
  from_ms: from,
}: KeyRow): BucketKey {
  return { keyId, sealedKey, createdAtMs: Number(at), fromMs: Number(from) };
}

function placeCondition(at: CheckpointPlace): SQL {
  return 'size' in at ? sql`size <= ${at.size}` : sql`sealed_at_ms <= ${at.sealedAtMs}`;
}

function nodesOf(edge: Buffer): Uint8Array[] {
  const nodes: Uint8Array[] = [];
  for (let at = 0; at < edge.length; at += hashBytes) nodes.push(edge.subarray(at, at + hashBytes));
  return nodes;
}

/** One parameter; a list in a template would become many. */
function array(values: readonly string[]): SQL {
  return sql`${sql.param([...values])}::text[]`;
}
