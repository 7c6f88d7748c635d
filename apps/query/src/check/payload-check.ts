import { toHex } from '@loom/ledger';
import { millisOfNanos, type PayloadPart } from '@loom/trace-schema';
import {
  answerWords,
  payloadHeadIndex,
  type PartWords,
  type ReadAnswerText,
  requestWords,
  searchForm,
  type StoredFields,
} from '@loom/trace-store';
import type { LeafPart } from '../leaf-opener.ts';
import type { ReadLeaf } from '../leaf-rows.ts';
import { otherValues, placeOf } from './findings.ts';

/** What is stored of one leaf's part of a call. */
export interface StoredPart {
  readonly leaf: ReadLeaf;
  readonly part: PayloadPart;
  /** Rows of the call's span: of payloads without their bytes, and of texts. */
  readonly payloads: readonly StoredFields[];
  readonly texts: readonly StoredFields[];
  /** The row that has the preview, when it is there. */
  readonly row: StoredFields | undefined;
  /** The payload, when it could be opened. */
  readonly opened: LeafPart | undefined;
  /** What is wrong with the opening, by the commitment. */
  readonly isWrong: boolean;
}

/** Compares the columns of a payload, apart from its bytes, with what the leaf says. */
export function checkPayload({ leaf, part, payloads, opened, isWrong }: StoredPart): string[] {
  const { envelope } = leaf;
  const own = payloads.filter((row) => row['part'] === part);
  const heads = own.filter(({ index }) => index === payloadHeadIndex);
  if (envelope.bytes?.[part] === undefined)
    return own.length === 0 ? [] : [`${placeOf(leaf)}: span_payloads has a ${part}, and none was recorded`];
  const fields = new Set(
    heads.flatMap((head) => otherColumns(head, leaf, part, isWrong ? undefined : opened)),
  );
  const slices = own.filter(({ index }) => index !== payloadHeadIndex);
  for (const field of slices.flatMap(notOfSlice)) fields.add(field);
  if (heads.some(({ parts }) => parts !== new Set(slices.map(({ index }) => index)).size))
    fields.add('parts');
  if (isWrong && fields.size === 0) fields.add('data').add('codec');
  const copies = Map.groupBy(own, ({ index }) => index);
  for (const rows of copies.values())
    if (new Set(rows.map((row) => JSON.stringify(row))).size > 1) fields.add('data');
  return fields.size === 0 ? [] : [otherValues(leaf, 'span_payloads', [...fields])];
}

function otherColumns(
  head: StoredFields,
  { envelope }: ReadLeaf,
  part: PayloadPart,
  opened: LeafPart | undefined,
): string[] {
  const { bucket, bytes = {}, commits = {}, time, truncated = [] } = envelope;
  const { keyId, length, storedLength, codec } = head;
  const isCut = truncated.includes(part);
  const kept = opened && 'bytes' in opened ? opened.storedLength : storedLength;
  const whole = opened && 'hash' in opened ? toHex(opened.hash) : head['hash'];
  const holds: Readonly<Record<string, boolean>> = {
    codec: codec === 'identity' || codec === 'zstd',
    keyId: keyId === null || keyId === bucket,
    length: length === bytes[part],
    storedLength:
      storedLength === kept && (isCut ? Number(storedLength) < Number(length) : storedLength === length),
    hash: head['hash'] === (keyId === null ? whole : commits[part]),
    time: millisOfNanos(head['time'] as string) === time,
  };
  return Object.keys(holds).filter((field) => holds[field] === false);
}

const slice: StoredFields = {
  codec: 'identity',
  keyId: null,
  length: 0,
  storedLength: 0,
  hash: '',
  parts: 0,
};

function notOfSlice(row: StoredFields): string[] {
  return Object.keys(slice).filter((field) => row[field] !== slice[field]);
}

/** Derives the preview and the words for the search again. Of a payload that cannot be opened nothing is said. */
export function checkWords(stored: StoredPart, answerText: ReadAnswerText): string[] {
  const { leaf, part, texts, row, opened, isWrong } = stored;
  if (isWrong || !row || (!opened && leaf.envelope.bytes?.[part] !== undefined)) return [];
  const words = wordsOf(stored, row, answerText);
  const found: string[] = [];
  const field = part === 'request' ? 'inputPreview' : 'outputPreview';
  if (row[field] !== words.preview.toWellFormed())
    found.push(otherValues(leaf, part === 'request' ? 'calls_accepted' : 'spans', [field]));
  const own = texts.filter((text) => text['part'] === part);
  const isMissing = own.length === 0 && words.text !== '' && words.formerText !== '';
  if (isMissing || (words.text === '' && own.length > 0))
    found.push(
      `${placeOf(leaf)}: span_texts ${own.length > 0 ? 'has words of' : 'lacks the words of'} the ${part}`,
    );
  else {
    const forms = new Set<unknown>([searchForm(words.text), words.formerText]);
    const other = own.flatMap((one) => [
      ...(forms.has(one['text']) ? [] : ['text']),
      ...(one['startTime'] === row['startTime'] ? [] : ['startTime']),
    ]);
    if (other.length > 0) found.push(otherValues(leaf, 'span_texts', [...new Set(other)]));
  }
  return found;
}

function wordsOf({ opened, part }: StoredPart, row: StoredFields, answerText: ReadAnswerText): PartWords {
  const stored = opened && 'bytes' in opened ? opened.stored : undefined;
  if (!stored) return { text: '', formerText: '', preview: '' };
  const { codec, keyId, parts, data } = stored;
  const payload = {
    codec,
    keyId,
    data: parts === 0 && keyId === null ? (data?.toString('base64') ?? null) : null,
  };
  if (part === 'request') return requestWords(payload);
  return answerWords(payload, row as unknown as Parameters<typeof answerWords>[1], answerText);
}
