import type { BoundParams } from './bound-params.ts';
import { derivedTables } from './derived-tables.ts';
import { readMigrations } from './migrate.ts';
import { selectOfView } from './migration-texts.ts';

const secondNanos = 1_000_000_000n;
const unitSeconds = { hour: 3600n, day: 86_400n } as const;

/** A rollup of spans or costs by the hour or by the day. */
export type Rollup = 'calls_hourly' | 'costs_hourly' | 'sessions_daily' | 'users_daily' | 'facets';

export interface RolledRange {
  readonly projectId: string;
  /** Unix nanoseconds. */
  readonly from: string;
  readonly to: string;
  /** Instants inside the range at which a bucket begins. Unix seconds. */
  readonly cuts?: readonly number[];
  /** SQL for the start of the bucket that `start_time` falls into, in unix seconds, where `cuts` are given. */
  readonly bucketOf?: string;
}

/** A half-open range of unix nanoseconds. */
interface Piece {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Returns a table expression with the rows of a rollup for exactly this range: whole hours (days) from the rollup, the
 * parts of an hour (day) at its ends and around `cuts` from the rows that the rollup is made of, by the statement of its
 * view. So the sum over a range is the sum over its parts, wherever it is cut.
 */
export async function rolledSource(rollup: Rollup, range: RolledRange, params: BoundParams): Promise<string> {
  const derived = derivedTables.find(({ table }) => table === rollup);
  if (!derived?.day) throw new Error(`${rollup} is no rollup`);
  const { source, day: column } = derived;
  const { whole, blocks, pieces } = piecesOf(range, unitSeconds[column] * secondNanos);
  const project = params.bind(range.projectId, 'String');
  const columns = ['project_id', ...derived.keys, ...Object.keys(derived.columns)].join(', ');
  const at = `toUnixTimestamp(toDateTime(${column}, 'UTC'))`;
  const seconds = (nanos: bigint) => params.bind(String(nanos / secondNanos), 'Int64');
  const cutBlocks = blocks.filter((block) => block >= whole.from && block < whole.to);
  const notCut =
    cutBlocks.length === 0
      ? ''
      : `AND ${at} NOT IN ${params.bind(
          cutBlocks.map((block) => block / secondNanos),
          'Array(Int64)',
        )}`;
  const rolled = `SELECT ${columns} FROM ${rollup}
    WHERE project_id = ${project} AND ${at} >= ${seconds(whole.from)} AND ${at} < ${seconds(whole.to)} ${notCut}`;
  if (pieces.length === 0) return `(${rolled})`;
  const times = pieces.map(
    (piece) =>
      `(start_time >= ${params.time(String(piece.from))} AND start_time < ${params.time(String(piece.to))})`,
  );
  const rows = `(SELECT * FROM ${source} WHERE project_id = ${project} AND (${times.join(' OR ')})) AS ${source}`;
  const select = selectOfView(await migrations(), `${rollup}_of_${source}`)
    .replace(new RegExp(`\\bFROM ${source}\\b`), `FROM ${rows}`)
    .replace(
      hourOfStart,
      range.bucketOf === undefined ? hourOfStart : `toDateTime(${range.bucketOf}, 'UTC')`,
    );
  return `(${rolled} UNION ALL SELECT ${columns} FROM (${select}))`;
}

/** Returns a table expression with what a rollup of spans would hold of some of them alone. */
export async function rolledRows(rollup: Rollup, where: string): Promise<string> {
  const select = selectOfView(await migrations(), `${rollup}_of_spans`);
  return `(${select.replace(/\bFROM spans\b/, `FROM (SELECT * FROM spans WHERE ${where}) AS spans`)})`;
}

/** How the views of hourly rollups write the hour. */
const hourOfStart = `toStartOfHour(toDateTime(start_time, 'UTC'))`;

let texts: Promise<string[]> | null = null;
const migrations = (): Promise<string[]> => (texts ??= readMigrations());

function piecesOf(
  { from: fromText, to: toText, cuts = [] }: RolledRange,
  unit: bigint,
): { readonly whole: Piece; readonly blocks: readonly bigint[]; readonly pieces: readonly Piece[] } {
  const [from, to] = [BigInt(fromText), BigInt(toText)];
  const instants = [from, ...cuts.map((cut) => BigInt(cut) * secondNanos), to];
  const cutBlocks = instants
    .filter((instant) => instant % unit !== 0n && instant >= from && instant <= to)
    .map((instant) => instant - (instant % unit));
  const blocks = [...new Set(cutBlocks)];
  const pieces = blocks.map((block) => ({
    from: block < from ? from : block,
    to: block + unit > to ? to : block + unit,
  }));
  const whole = { from: ((from + unit - 1n) / unit) * unit, to: (to / unit) * unit };
  return { whole, blocks, pieces };
}
