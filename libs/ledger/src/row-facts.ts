import { committedFields, type FactTable, factTables } from '@loom/trace-schema/stored-columns';
import { fromBase64, toBase64, toHex, utf8, concat } from './bytes.ts';
import { canonicalJson, type CanonicalValue } from './canonical-json.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';

/*
 * Version 2 of the part `meta`: the facts of the row that the leaf's event became, all of them (`stored-columns`). What is
 * empty is left out, so that a column of a later version does not change what older rows say.
 */

/** In envelopes and in the text. Version 1 is `CallMeta`, and its envelopes name no version. */
export const metaVersion = 2;

/** Values by field, without those that are empty. */
export type RowFacts = Readonly<Record<string, CanonicalValue>>;

/** Takes a row with the fields of its table; others are passed over. Throws `invalid_request` for numbers that are not whole. */
export function factsOf(
  crypto: LedgerCrypto,
  table: FactTable,
  row: Readonly<Record<string, unknown>>,
): RowFacts {
  const facts: Record<string, CanonicalValue> = {};
  for (const [field, form] of committedFields(table)) {
    const value = row[field] as CanonicalValue | undefined;
    if (value === undefined || isEmpty(value)) continue;
    if (form === 'digest') facts[field] = toHex(crypto.sha256(utf8(textOf(value))));
    else facts[field] = form === 'decimal' ? plainDecimal(value as string) : wellFormed(value);
  }
  return facts;
}

const sorted = new Map(
  factTables.map((table) => [
    table,
    committedFields(table)
      .map(([field]) => field)
      .concat('table', 'v')
      .sort(),
  ]),
);

/** Returns the text that the commitment opens: canonical JSON, whose members are in the order of their names. */
export function writeFacts(table: FactTable, facts: RowFacts): string {
  const whole: RowFacts = { v: metaVersion, table, ...facts };
  let text = '';
  for (const name of sorted.get(table) ?? []) {
    const value = whole[name];
    if (value !== undefined) text += `${text === '' ? '{' : ','}"${name}":${textOf(value)}`;
  }
  return `${text}}`;
}

/** As {@link canonicalJson}; long lists of numbers take a shorter way. */
function textOf(value: CanonicalValue): string {
  if (Array.isArray(value) && value.every(Number.isSafeInteger)) return `[${value.join()}]`;
  return canonicalJson(value);
}

/** Returns the facts of a text of {@link writeFacts}; null for the text of another version. */
export function readFacts(text: string): { readonly table: string; readonly facts: RowFacts } | null {
  const { v, table, ...facts } = JSON.parse(text) as RowFacts;
  return v === metaVersion && typeof table === 'string' ? { table, facts } : null;
}

const markBytes = 2;
const hashBytes = 32;

/**
 * Returns 16 bits of each fact in the order of the list, base64. A commitment says that some fact is another; the marks say
 * which one. They are masked by the salt: without it they say nothing, and the commitment alone proves.
 */
export function markFacts(crypto: LedgerCrypto, salt: Uint8Array, table: FactTable, facts: RowFacts): string {
  const fields = committedFields(table);
  const marks = new Uint8Array(fields.length * markBytes);
  for (const [at, [field]] of fields.entries()) {
    const mark = markOf(facts[field]);
    marks[at * markBytes] = mark >>> 8;
    marks[at * markBytes + 1] = mark & 0xff;
  }
  return toBase64(masked(crypto, salt, marks));
}

/** Returns the fields whose marks are others than those of the leaf. Fields that are newer than the leaf have none. */
export function differingFacts(
  crypto: LedgerCrypto,
  salt: Uint8Array,
  table: FactTable,
  facts: RowFacts,
  marks: string,
): string[] {
  const sealed = fromBase64(marks) ?? new Uint8Array();
  const own = fromBase64(markFacts(crypto, salt, table, facts)) ?? new Uint8Array();
  return committedFields(table).flatMap(([field], at) => {
    const place = at * markBytes;
    if (place >= sealed.length) return [];
    return sealed[place] === own[place] && sealed[place + 1] === own[place + 1] ? [] : [field];
  });
}

const maskName = utf8('loom/marks/v1');

/** Changes the bytes themselves. */
function masked(crypto: LedgerCrypto, salt: Uint8Array, bytes: Uint8Array): Uint8Array {
  for (let block = 0; block * hashBytes < bytes.length; block += 1) {
    const mask = crypto.sha256(concat(maskName, salt, Uint8Array.of(block)));
    const end = Math.min(bytes.length, (block + 1) * hashBytes);
    for (let at = block * hashBytes; at < end; at += 1)
      bytes[at] = (bytes[at] ?? 0) ^ (mask[at - block * hashBytes] ?? 0);
  }
  return bytes;
}

/** FNV-1a of the value's text, folded to 16 bits. Nothing rests on it: it points at what the commitment refuses. */
function markOf(value: CanonicalValue | undefined): number {
  if (value === undefined) return 0;
  const text = typeof value === 'string' ? value : textOf(value);
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 16)) & 0xffff;
}

function isEmpty(value: CanonicalValue): boolean {
  if (typeof value !== 'object' || value === null) return value === '' || value === 0 || value === false;
  return Object.keys(value).length === 0;
}

/** As the trace store gives a decimal back: 18 digits after the point, without zeros at the ends. */
function plainDecimal(text: string): string {
  const [whole = '', fraction = ''] = text.split('.');
  const digits = fraction.slice(0, 18).replace(/0+$/, '');
  return `${whole.replace(/^0+(?=\d)/, '')}${digits === '' ? '' : `.${digits}`}`;
}

function wellFormed(value: CanonicalValue): CanonicalValue {
  if (typeof value === 'string') return value.isWellFormed() ? value : value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wellFormed);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name.toWellFormed(), wellFormed(member)]),
  );
}
