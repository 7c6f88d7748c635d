import { LoomError } from '@loom/errors';
import { type ListQuery, pageLimitMax } from '../../trace-store.ts';
import { type BoundParams } from './bound-params.ts';
import { filterToSql } from './filter-sql.ts';

const defaultLimit = 50;

export function checkedLimit(limit: number | undefined): number {
  const checked = limit ?? defaultLimit;
  if (!Number.isInteger(checked) || checked < 1 || checked > pageLimitMax) {
    throw new LoomError(
      'invalid_request',
      `limit ${checked} is not a whole number from 1 to ${pageLimitMax}`,
      {
        param: 'limit',
      },
    );
  }
  return checked;
}

/** A cursor is a list of texts: opaque to callers, bound as parameters when it comes back. */
export function encodeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** `shape`: a pattern for each part; anything else is `invalid_request`. */
export function decodeCursor(cursor: string, shape: readonly RegExp[]): string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parts) && parts.length === shape.length) {
      const texts = parts.map(String);
      if (shape.every((pattern, index) => pattern.test(texts[index] ?? ''))) return texts;
    }
  } catch {
    // falls through to the one error for every bad cursor
  }
  throw new LoomError('invalid_request', 'the cursor is not one of this list: take `nextCursor` of a page', {
    param: 'cursor',
  });
}

export const nanosShape = /^\d{1,19}$/;
export const spanIdShape = /^.{1,64}$/;

/** A check of an instant before it is bound: a clear error instead of the engine's. */
export function checkedTime(name: string, unixNanos: string): string {
  if (nanosShape.test(unixNanos)) return unixNanos;
  throw new LoomError('invalid_request', `${name} ${JSON.stringify(unixNanos)} is not unix nanoseconds`, {
    param: name,
  });
}

/** `project_id` and the time range as a condition on `timeColumn`. */
export function boundsToSql(
  query: Pick<ListQuery, 'projectId' | 'from' | 'to'>,
  params: BoundParams,
  timeColumn = 'start_time',
): string {
  const conditions = [`project_id = ${params.bind(query.projectId, 'String')}`];
  if (query.from !== null)
    conditions.push(`${timeColumn} >= ${params.time(checkedTime('from', query.from))}`);
  if (query.to !== null) conditions.push(`${timeColumn} < ${params.time(checkedTime('to', query.to))}`);
  return conditions.join(' AND ');
}

const hourNanos = 3_600_000_000_000n;

/** Project, time range and filter of a list as one condition on spans. */
export function listToSql(query: ListQuery, params: BoundParams): string {
  const bounds = boundsToSql(query, params);
  if (!query.filter) return bounds;
  const isTimeBounded = query.from !== null && query.to !== null;
  const textsTo = query.to === null ? null : String(BigInt(query.to) + hourNanos);
  const textBounds = boundsToSql({ ...query, to: textsTo }, params);
  return `${bounds} AND ${filterToSql(query.filter, { params, bounds, textBounds, isTimeBounded })}`;
}
