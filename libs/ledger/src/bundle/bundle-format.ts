import { LoomError } from '@loom/errors';
import { canonicalJson, type CanonicalValue } from '../canonical-json.ts';
import { fromBase64, fromDecimal, fromHex, toBase64, toHex } from '../bytes.ts';
import { saltBytes } from '../commitment.ts';
import { hashBytes } from '../merkle-hash.ts';

/* The members of a bundle and their texts (ADR 0016), for who writes and who reads one. */

/** What a bundle says of itself, in `bundle.json`. */
export interface BundleMeta {
  /** Of the log: `<deployment>/ledger/<project>`. */
  readonly origin: string;
  readonly project: string;
  /** The time that was asked for, unix milliseconds. */
  readonly from: number;
  readonly to: number;
  /** Its leaves: [start, end) of the log. There is a checkpoint of either size. */
  readonly start: number;
  readonly end: number;
  /** Of the newest checkpoint. */
  readonly size: number;
  readonly createdAt: number;
  /** Of calls that this filter does not match the bundle has the leaves and opens nothing. Absent: it opens all calls. */
  readonly filter?: string;
}

export const memberNames = {
  meta: 'bundle.json',
  keys: 'keys.txt',
  start: 'checkpoints/start.note',
  end: 'checkpoints/end.note',
  newest: 'checkpoints/newest.note',
  edge: 'edge.json',
  leaves: (first: number) => `leaves/${indexText(first)}.ndjson`,
  openings: (first: number) => `openings/${indexText(first)}.ndjson`,
  payload: (index: number, part: string) => `payloads/${indexText(index)}.${part}`,
  tombstones: 'tombstones.ndjson',
  manifest: 'manifest.note',
} as const;

/** Indexes in names have 16 digits. */
function indexText(index: number): string {
  return String(index).padStart(16, '0');
}

export const limits = {
  metaBytes: 4096,
  keysBytes: 65_536,
  noteBytes: 1_000_000,
  edgeBytes: 65_536,
  /** Envelopes of one member. */
  chunkLeaves: 1024,
  /** An opening with its text, or a tombstone with its proof. */
  lineBytes: 4_194_304,
  openingsBytes: 1_073_741_824,
  tombstoneBytes: 67_108_864,
} as const;

/** Parts whose opening is the hash of bytes; those of all others are texts. */
const payloadParts = ['request', 'response'] as const;
export type PayloadPart = (typeof payloadParts)[number];
const textParts = ['meta', 'record'] as const;

export function isPayloadPart(part: string): part is PayloadPart {
  return (payloadParts as readonly string[]).includes(part);
}

export interface PayloadOpening {
  readonly index: number;
  readonly part: PayloadPart;
  readonly salt: Uint8Array;
  /** Of all the bytes that there were. */
  readonly length: number;
  readonly hash: Uint8Array;
  /** Of the bytes that are kept, which are in the bundle; the hash only where these are fewer. */
  readonly storedLength: number;
  readonly storedHash?: Uint8Array;
}

export interface TextOpening {
  readonly index: number;
  readonly part: (typeof textParts)[number];
  readonly salt: Uint8Array;
  readonly text: string;
}

/** An erasure or a run of retention after the bundle's leaves, with its inclusion proof in the newest tree. */
export interface Tombstone {
  readonly index: number;
  readonly envelope: string;
  readonly proof: readonly Uint8Array[];
}

export interface Manifest {
  readonly origin: string;
  /** Before the manifest's own header, and their SHA-256. */
  readonly bytes: number;
  readonly hash: Uint8Array;
  readonly leaves: number;
  readonly payloads: number;
}

const refuse = (why: string) => new LoomError('invalid_request', why);

export function writeMeta(meta: BundleMeta): string {
  return canonicalJson({ v: 1, ...meta });
}

export function readMeta(text: string): BundleMeta {
  const value = readObject(text);
  const names = ['createdAt', 'end', 'from', 'origin', 'project', 'size', 'start', 'to', 'v'];
  expectNames(value, value['filter'] === undefined ? names : [...names, 'filter'].sort());
  const { v, origin, project } = value;
  if (v !== 1) throw refuse('it is not of version 1');
  if (typeof origin !== 'string' || typeof project !== 'string') throw refuse('it does not name its log');
  const number = (name: string) => wholeNumber(value[name], name);
  const [from, to, start, end, size] = [
    number('from'),
    number('to'),
    number('start'),
    number('end'),
    number('size'),
  ];
  if (from > to) throw refuse('it begins after it ends');
  if (start > end || end > size) throw refuse(`leaves ${start} to ${end} of ${size} are no range`);
  const { filter } = value;
  if (filter !== undefined && (typeof filter !== 'string' || filter === ''))
    throw refuse('its filter is no text');
  const meta = { origin, project, from, to, start, end, size, createdAt: number('createdAt') };
  return filter === undefined ? meta : { ...meta, filter };
}

export function writeEdge(edge: readonly Uint8Array[], consistency: readonly Uint8Array[]): string {
  return canonicalJson({ edge: edge.map(toHex), consistency: consistency.map(toHex) });
}

export function readEdge(text: string): {
  readonly edge: readonly Uint8Array[];
  readonly consistency: readonly Uint8Array[];
} {
  const { edge, consistency } = readObject(text, ['consistency', 'edge']);
  return { edge: hashes(edge), consistency: hashes(consistency) };
}

export function writeOpening(opening: PayloadOpening | TextOpening): string {
  const { index, part, salt } = opening;
  if ('text' in opening) return canonicalJson({ index, part, salt: toHex(salt), text: opening.text });
  const { length, hash, storedLength, storedHash } = opening;
  return canonicalJson({
    ...{ index, part, salt: toHex(salt), length, hash: toHex(hash), storedLength },
    ...(storedHash && { storedHash: toHex(storedHash) }),
  });
}

export function readOpening(text: string): PayloadOpening | TextOpening {
  const value = readObject(text);
  const { part } = value;
  const index = wholeNumber(value['index'], 'index');
  const salt = bytesOf(value['salt'], saltBytes, 'salt');
  if (typeof part === 'string' && isPayloadPart(part)) {
    const storedHash = value['storedHash'];
    const names = ['hash', 'index', 'length', 'part', 'salt', 'storedLength'];
    expectNames(value, storedHash === undefined ? names : [...names, 'storedHash'].sort());
    return {
      ...{ index, part, salt },
      length: wholeNumber(value['length'], 'length'),
      hash: bytesOf(value['hash'], hashBytes, 'hash'),
      storedLength: wholeNumber(value['storedLength'], 'storedLength'),
      ...(storedHash !== undefined && { storedHash: bytesOf(storedHash, hashBytes, 'storedHash') }),
    };
  }
  expectNames(value, ['index', 'part', 'salt', 'text']);
  const textPart = textParts.find((name) => name === part);
  if (!textPart || typeof value['text'] !== 'string') throw refuse('it opens no part that is known');
  return { index, part: textPart, salt, text: value['text'] };
}

export function writeTombstone({ index, envelope, proof }: Tombstone): string {
  return canonicalJson({ index, envelope, proof: proof.map(toHex) });
}

export function readTombstone(text: string): Tombstone {
  const { index, envelope, proof } = readObject(text, ['envelope', 'index', 'proof']);
  if (typeof envelope !== 'string') throw refuse('it has no envelope');
  return { index: wholeNumber(index, 'index'), envelope, proof: hashes(proof) };
}

const manifestHead = 'loom/bundle/v1';

export function writeManifest({ origin, bytes, hash, leaves, payloads }: Manifest): string {
  return [manifestHead, origin, bytes, toBase64(hash), leaves, payloads].map((line) => `${line}\n`).join('');
}

export function readManifest(text: string): Manifest {
  const [head, origin = '', bytesText = '', hashText = '', leavesText = '', payloadsText = '', ...rest] =
    text.split('\n');
  const numbers = [bytesText, leavesText, payloadsText].map(fromDecimal);
  const [bytes, leaves, payloads] = numbers;
  const hash = fromBase64(hashText);
  if (head !== manifestHead || rest.length !== 1 || rest[0] !== '') throw refuse('it is no manifest');
  if (bytes == null || leaves == null || payloads == null || hash?.length !== hashBytes)
    throw refuse('its counts or its hash are none');
  return { origin, bytes, hash, leaves, payloads };
}

type JsonObject = Readonly<Record<string, unknown>>;

/** An object in canonical form, with just these members (sorted) where they are given. */
function readObject(text: string, names?: readonly string[]): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LoomError('invalid_request', 'it is no JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('it is no object');
  if (canonicalJson(value as CanonicalValue) !== text) throw refuse('it is not in canonical form');
  if (names) expectNames(value as JsonObject, names);
  return value as JsonObject;
}

function expectNames(value: JsonObject, names: readonly string[]): void {
  if (Object.keys(value).sort().join() !== names.join())
    throw refuse(`its members are not ${names.join(', ')}`);
}

function wholeNumber(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw refuse(`its ${name} is no whole number`);
}

function bytesOf(value: unknown, length: number, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? fromHex(value) : null;
  if (bytes?.length !== length) throw refuse(`its ${name} is no hex of ${length} bytes`);
  return bytes;
}

function hashes(value: unknown): Uint8Array[] {
  if (!Array.isArray(value) || value.length > 64) throw refuse('its hashes are no short list');
  return value.map((hash) => bytesOf(hash, hashBytes, 'hash'));
}
