import { LoomError, messageOf } from '@loom/errors';
import { canonicalJson, type CanonicalValue } from './canonical-json.ts';
import { utf8 } from './bytes.ts';

/** What a leaf of a log says (ADR 0016): facts, no content and nothing of a person. Absent members are not known. */
export interface Envelope {
  readonly v: 1;
  /** The project whose log it is in; `system` for the deployment. */
  readonly project: string;
  /** Of the event: unique in its log. */
  readonly id: string;
  readonly kind: string;
  /** When it happened, unix milliseconds. */
  readonly time: number;
  /** Who emitted it, and where it stands in that emitter's sequence of the project. */
  readonly emitter?: string;
  readonly seq?: number;
  readonly callId?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  /** Of the API key that called. */
  readonly keyId?: string;
  readonly provider?: string;
  readonly model?: string;
  /** HTTP status that the caller got. */
  readonly status?: number;
  /** Tokens, inclusive as OpenTelemetry counts them. */
  readonly usage?: Readonly<Record<string, number>>;
  readonly costNanoUsd?: string;
  readonly priceBook?: string;
  /** Plain bytes by part. */
  readonly bytes?: Readonly<Record<string, number>>;
  /** Salted commitments by part, hex. */
  readonly commits?: Readonly<Record<string, string>>;
  /** Version of the part `meta`: 2 (`row-facts`); where it is absent and there is a `meta`, 1 (`call-meta`). */
  readonly meta?: number;
  /** Which fact of a `meta` is another, when one is (`markFacts`). Left out where the envelope would be too large. */
  readonly marks?: string;
  /** Parts of which only the beginning was kept. */
  readonly truncated?: readonly string[];
  /** Id of the bucket key that salts the commitments. */
  readonly bucket?: string;
  /** `payload.erased`: bucket keys that are gone. */
  readonly buckets?: readonly string[];
  /** `capture.gap`, `capture.gap.filled`: first and last missing sequence number. */
  readonly from?: number;
  readonly to?: number;
  /** `retention.run`: payloads of calls before this are gone, but for those of the buckets that are held. Unix ms. */
  readonly contentBefore?: number;
  readonly metadataBefore?: number;
  /** `retention.run`: how many rows went, by kind. Other kinds: whatever they count. */
  readonly counts?: Readonly<Record<string, number>>;
  /** `control.changed`: what was done, to which record, by whom (ids). */
  readonly action?: string;
  readonly resource?: string;
  readonly actor?: string;
  /** `emitter.opened`: base64 of the Ed25519 key of its receipts. */
  readonly publicKey?: string;
  /** Why, in one word of a closed list. */
  readonly reason?: string;
}

/** Bytes of an envelope's canonical JSON. */
export const envelopeBytesMax = 1024;

const nameBytesMax = 120;

/** Cuts a text that a caller or a provider chooses, so that every envelope fits. Whole characters. */
export function clipName(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(nameBytesMax));
  return text.slice(0, read).toWellFormed();
}

/** Whether an envelope's name is that of a text. Older leaves have 120 characters of it, whatever their bytes. */
export function isClipOf(name: string, text: string): boolean {
  return name === clipName(text) || name === text.slice(0, nameBytesMax).toWellFormed();
}

/** The one text of an envelope, whose bytes are the log's entry. Throws `invalid_request` when it is too large. */
export function writeEnvelope(envelope: Envelope): string {
  const text = canonicalJson(envelope as unknown as CanonicalValue);
  const bytes = utf8(text).length;
  if (bytes > envelopeBytesMax)
    throw new LoomError('invalid_request', `an envelope of ${bytes} bytes; limit ${envelopeBytesMax}`);
  return text;
}

const malformed = (why: string) =>
  new LoomError('invalid_request', `malformed envelope: ${why}`, { reason: 'malformed_envelope' });

const texts = [
  ...[
    'project',
    'id',
    'kind',
    'emitter',
    'callId',
    'traceId',
    'spanId',
    'keyId',
    'provider',
    'model',
    'costNanoUsd',
  ],
  ...['priceBook', 'bucket', 'action', 'resource', 'actor', 'publicKey', 'reason', 'marks'],
] as const;
const numbers = ['time', 'seq', 'status', 'from', 'to', 'contentBefore', 'metadataBefore', 'meta'] as const;
const required = ['project', 'id', 'kind', 'time'] as const;

/**
 * Reads what {@link writeEnvelope} wrote. Throws `invalid_request` for anything that is not the canonical text of an
 * envelope; members that a later version may add are kept as they are.
 */
export function parseEnvelope(text: string): Envelope {
  if (utf8(text).length > envelopeBytesMax) throw malformed(`larger than ${envelopeBytesMax} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  if (!isRecord(value)) throw malformed('no object');
  if (canonicalJson(value as CanonicalValue) !== text) throw malformed('not in canonical form');
  if (value['v'] !== 1) throw malformed('not of version 1');
  for (const name of required) if (!(name in value)) throw malformed(`no ${name}`);
  for (const name of texts) check(name, value[name], (member) => typeof member === 'string');
  for (const name of numbers) check(name, value[name], (member) => Number.isSafeInteger(member));
  for (const name of ['usage', 'bytes', 'counts']) check(name, value[name], recordOf(Number.isSafeInteger));
  check(
    'commits',
    value['commits'],
    recordOf((member) => /^[0-9a-f]{64}$/.test(String(member))),
  );
  for (const name of ['truncated', 'buckets'])
    check(
      name,
      value[name],
      (member) => Array.isArray(member) && member.every((item) => typeof item === 'string'),
    );
  return value as unknown as Envelope;
}

function check(name: string, member: unknown, holds: (member: unknown) => boolean): void {
  if (member !== undefined && !holds(member)) throw malformed(`${name} is not what it should be`);
}

function recordOf(holds: (member: unknown) => boolean): (value: unknown) => boolean {
  return (value) => isRecord(value) && Object.values(value).every(holds);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
