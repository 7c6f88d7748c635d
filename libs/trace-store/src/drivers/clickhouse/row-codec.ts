import { columnOf } from '@loom/trace-schema/stored-columns';

/**
 * How a field of a row and its column correspond. Columns are the fields in snake case. `time`: unix nanoseconds in
 * the domain, DateTime64(9) in the table. `optional…`: null in the domain, '' or -1 in the table. `base64`: raw bytes
 * in the table, written through an ephemeral column.
 */
type Kind =
  | 'text' | 'number' | 'numbers' | 'flag' | 'time' | 'decimal' | 'json' | 'asIs' | 'optionalText'
  | 'optionalNumber' | 'base64'; // prettier-ignore

export type Fields<Row> = Readonly<Record<keyof Row & string, Kind>>;

export type StoredRow = Record<string, unknown>;
export type StoredValues = unknown[];

/** The columns of an INSERT, in the order of the fields. */
export function insertColumns<Row>(fields: Fields<Row>): string[] {
  return entriesOf(fields).map(([field, kind]) =>
    kind === 'base64' ? `${columnOf(field)}_base64` : columnOf(field),
  );
}

/** Makes of a row of the domain what JSONCompactEachRow takes: its values, in the order of {@link insertColumns}. */
export function rowWriter<Row extends object>(fields: Fields<Row>): (row: Row) => StoredValues {
  const writers = entriesOf(fields).map(([field, kind]) => [field, valueWriters[kind]] as const);
  return (row) => writers.map(([field, write]) => write((row as Record<string, unknown>)[field]));
}

/** What to SELECT to read the fields back: each one under its own name. */
export function selectList<Row>(fields: Fields<Row>): string {
  return entriesOf(fields)
    .map(([field, kind]) => `${readExpression(kind, `\`${columnOf(field)}\``)} AS \`${field}\``)
    .join(', ');
}

/** The inverse of {@link rowWriter} on a row that {@link selectList} selected. */
export function fromStored<Row>(fields: Fields<Row>, stored: StoredRow): Row {
  const row: StoredRow = {};
  for (const [field, kind] of entriesOf(fields)) row[field] = readValue(kind, stored[field]);
  return row as Row;
}

/** As {@link fromStored}; a value that is none of its kind is given as it is stored, and never the nearest that is. */
export function fromStoredAsIs<Row>(fields: Fields<Row>, stored: StoredRow): StoredRow {
  return Object.fromEntries(
    entriesOf(fields).map(([field, kind]) => [field, valueAsIs(kind, stored[field])]),
  );
}

function valueAsIs(kind: Kind, value: unknown): unknown {
  if (kind === 'flag') return ['0', '1'].includes(String(value)) ? Number(value) === 1 : value;
  if (kind === 'number' || kind === 'optionalNumber') {
    if (!Number.isSafeInteger(Number(value))) return String(value);
    return kind === 'optionalNumber' && Number(value) === -1 ? null : Number(value);
  }
  try {
    return readValue(kind, value);
  } catch {
    return value;
  }
}

const known = new WeakMap<object, [string, Kind][]>();

/** Made once for all rows. */
function entriesOf<Row>(fields: Fields<Row>): [string, Kind][] {
  const entries = known.get(fields) ?? Object.entries<Kind>(fields);
  known.set(fields, entries);
  return entries;
}

const valueWriters: Readonly<Record<Kind, (value: unknown) => unknown>> = {
  time: (value) => toDateTime(value as string),
  flag: (value) => (value ? 1 : 0),
  json: (value) => JSON.stringify(value),
  optionalText: (value) => value ?? '',
  text: wellFormed,
  asIs: wellFormed,
  optionalNumber: (value) => value ?? -1,
  number: (value) => value,
  numbers: (value) => value,
  decimal: (value) => value,
  base64: (value) => value,
};

/** Without half characters, as a cut text ends in: JSON can write them and the engine refuses to read them. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map((entry) => entry.map(wellFormed) as [string, unknown]));
}

function readExpression(kind: Kind, column: string): string {
  if (kind === 'time') return `toUnixTimestamp64Nano(${column})`;
  if (kind === 'base64') return `base64Encode(${column})`;
  if (kind === 'decimal') return `toString(${column})`;
  return column;
}

/** 64-bit numbers come as strings. */
function readValue(kind: Kind, value: unknown): unknown {
  if (kind === 'number') return Number(value);
  if (kind === 'numbers') return (value as unknown[]).map(Number);
  if (kind === 'flag') return Number(value) === 1;
  if (kind === 'json') return JSON.parse(value as string);
  if (kind === 'optionalText') return value === '' ? null : value;
  if (kind === 'optionalNumber') return Number(value) < 0 ? null : Number(value);
  return value;
}

/** `1767323045123456789` as `2026-01-02 03:04:05.123456789`. */
export function toDateTime(unixNanos: string): string {
  const nanos = unixNanos.padStart(10, '0');
  const iso = new Date(Number(nanos.slice(0, -9)) * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}.${nanos.slice(-9)}`;
}
