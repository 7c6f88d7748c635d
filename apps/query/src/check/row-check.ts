import {
  compareFigures,
  differingFacts,
  differingFields,
  type Envelope,
  factsOf,
  metaVersion,
  nodeCrypto,
  payloadCommitment,
  toHex,
  utf8,
} from '@loom/ledger';
import { fromTokenBuckets, tokenBuckets, type TokenBuckets } from '@loom/trace-schema';
import type { FactTable } from '@loom/trace-schema/stored-columns';
import type { StoredFields } from '@loom/trace-store';
import { metaText } from '../leaf-opener.ts';
import type { ReadLeaf } from '../leaf-rows.ts';
import { otherValues, placeOf } from './findings.ts';

/** Tables in which an event has one row; in the others the same row may be there twice. */
const singular: ReadonlySet<FactTable> = new Set(['spans', 'costs']);

/**
 * Compares the rows of a leaf with what it says, and with its commitment when `salt` opens that. A row of which nothing is
 * there is not its matter.
 */
export function checkRows(
  leaf: ReadLeaf,
  table: FactTable,
  rows: readonly StoredFields[],
  salt: Uint8Array | null,
): string[] {
  const found: string[] = [];
  if (rows.length > 1 && singular.has(table))
    found.push(`${placeOf(leaf)}: ${rows.length} rows of ${table} where one was recorded`);
  const fields = new Set<string>();
  for (const row of rows) {
    for (const field of differingFields(leaf.envelope, row)) fields.add(field);
    for (const figure of otherFigures(leaf.envelope, table, row)) fields.add(figure);
    const other = salt ? otherFacts(leaf.envelope, table, row, salt) : [];
    for (const field of other) fields.add(field);
    if (other.length === 0 && salt && !isCommitted(leaf.envelope, row, salt) && fields.size === 0)
      found.push(`${placeOf(leaf)}: ${unnamed(leaf.envelope, table)}`);
  }
  if (fields.size > 0) found.push(otherValues(leaf, table, [...fields]));
  return found;
}

function unnamed({ meta = 1 }: Envelope, table: FactTable): string {
  return meta === metaVersion
    ? `a fact in ${table} is not what was sealed, and the leaf does not say which`
    : `not as sealed in ${table}: one of user_id, session_id, metadata, response_model, response_id, finish_reasons, ` +
        'error_type, error_message, start_time, duration_nanos, time_to_first_chunk_nanos, delivered_bytes';
}

function isCommitted(envelope: Envelope, row: StoredFields, salt: Uint8Array): boolean {
  const payload = utf8(metaText(envelope, row));
  const commitment = payloadCommitment(nodeCrypto, { part: 'meta', salt, payload });
  return envelope.commits?.['meta'] === toHex(commitment);
}

function otherFacts(envelope: Envelope, table: FactTable, row: StoredFields, salt: Uint8Array): string[] {
  const { marks, meta } = envelope;
  if (meta !== metaVersion || marks === undefined || isCommitted(envelope, row, salt)) return [];
  return differingFacts(nodeCrypto, salt, table, factsOf(nodeCrypto, table, row), marks);
}

/** Tokens and money, as far as the envelope has them. */
function otherFigures(envelope: Envelope, table: FactTable, row: StoredFields): string[] {
  if (table !== 'spans' && table !== 'costs') return [];
  const tokens = Object.fromEntries(
    tokenBuckets.map((bucket) => [bucket, Number(row[`${bucket}Tokens`])]),
  ) as TokenBuckets;
  const shown = {
    status: row['status'] as number,
    usage: table === 'spans' ? fromTokenBuckets(tokens) : null,
    usageConsistent: row['usageConsistent'] === true,
    totalUsd: table === 'costs' ? String(row['totalUsd']) : undefined,
  };
  const names: Readonly<Record<string, string>> = { tokens: 'tokens', cost: 'totalUsd' };
  return compareFigures(shown, [envelope]).other.flatMap((figure) => names[figure] ?? []);
}
