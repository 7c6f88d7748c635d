import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { ContentState } from '@loom/api-contract';
import { LoomError, toLoomError } from '@loom/errors';
import { openPayload, splitWholeHash } from '@loom/ledger';
import { parseExactJson, type PayloadPart } from '@loom/trace-schema';
import type { StoredPayload, StoredSpan, TraceReader } from '@loom/trace-store';
import type { BucketKeyReader } from './bucket-key-reader.ts';
import type { SpanContent } from './span-view.ts';

const decompress = promisify(zstdDecompress);

/** A payload larger than this is not put into a span; its bytes are there under `/raw`. Plain bytes. */
export const inlineBytesMax = 4 * 1024 * 1024;
const rawBytesMax = 64 * 1024 * 1024;

/** The caller's dialect, and the API of the provider's bytes where it is another ('' where it is the same). */
type CallWires = Pick<StoredSpan, 'dialect' | 'wire' | 'requestModel'>;

export interface ContentReaderDeps {
  readonly store: Pick<TraceReader, 'readPayloads'>;
  /** Opens what is sealed. */
  readonly bucketKeys: Pick<BucketKeyReader, 'read'>;
  /**
   * Returns the answer as one JSON value: a body as it is, a stream put together from its chunks; null when there is none.
   * `request`: the request's body, or null where it is not known.
   */
  readonly assembleAnswer: (
    call: CallWires,
    bytes: Buffer,
    stream: boolean,
    request: Buffer | null,
  ) => unknown;
}

export interface PlainPayload {
  /** Null when there are no bytes to return; `state` says why. */
  readonly bytes: Buffer | null;
  readonly state: ContentState;
  /** Of all the plain bytes, also of those that were not kept. */
  readonly length: number;
  /** Lower-case hex SHA-256 of the same; null for what was sealed as a whole, whose hash is kept nowhere. */
  readonly hash: string | null;
  /** Of `unreadable`. */
  readonly fault?: LoomError;
  /** As it is stored, when it could be read. */
  readonly stored?: StoredPayload;
}

type CallPlace = Pick<StoredSpan, 'projectId' | 'spanId' | 'callId'>;

const noBytes = { bytes: null, length: 0, hash: null };
const absent: PlainPayload = { ...noBytes, state: 'absent' };
const omitted: PlainPayload = { ...noBytes, state: 'omitted' };

/** What was asked and answered, decoded from the store. */
export class ContentReader {
  readonly #deps: ContentReaderDeps;

  constructor(deps: ContentReaderDeps) {
    this.#deps = deps;
  }

  /** The recorded bytes, plain. Rejects with `payload_too_large` above 64 MiB, and when they cannot be read. */
  async readBytes(span: CallPlace, part: PayloadPart): Promise<PlainPayload> {
    const found = (await this.readAll([span], part)).get(span.spanId) ?? absent;
    if (found.fault) throw found.fault;
    return found;
  }

  /**
   * The requests or the answers of some spans of one project, by span, in one read of the store. A payload that cannot be
   * read is `unreadable`, and costs no other one. All of them are in memory at once.
   */
  async readAll(spans: readonly CallPlace[], part: PayloadPart): Promise<ReadonlyMap<string, PlainPayload>> {
    const [{ projectId } = { projectId: '' }] = spans;
    const places = new Map(spans.map((span) => [span.spanId, span]));
    const stored = await this.#deps.store.readPayloads({ projectId, spanIds: [...places.keys()], part });
    const keys = await this.#deps.bucketKeys.read(stored.flatMap(({ keyId }) => keyId ?? []));
    const plain = stored.map(async (payload): Promise<[string, PlainPayload]> => {
      const span = places.get(payload.spanId);
      return [
        payload.spanId,
        span ? await plainPayload(span, payload, keys.get(payload.keyId ?? '')) : absent,
      ];
    });
    return new Map(await Promise.all(plain));
  }

  /** Requests and answers of spans of one project as JSON, in order, as far as `bytesMax` and `bytesOfPartMax` reach. */
  async readContents(spans: readonly StoredSpan[], limits: ContentLimits): Promise<SpanContent[]> {
    const chosen = chooseParts(spans, limits);
    const [requests, responses] = await Promise.all([
      this.readAll(chosen.request, 'request'),
      this.readAll(chosen.response, 'response'),
    ]);
    const isChosen = { request: new Set(chosen.request), response: new Set(chosen.response) };
    return spans.map((span) => {
      const request = isChosen.request.has(span) ? (requests.get(span.spanId) ?? absent) : omitted;
      const response = isChosen.response.has(span) ? (responses.get(span.spanId) ?? absent) : omitted;
      return {
        request: request.bytes && jsonOrText(request.bytes),
        requestState: request.state,
        response: response.bytes && this.#answerOf(span, response.bytes, request.bytes),
        responseState: response.state,
        chunkCount: span.chunkCount,
      };
    });
  }

  #answerOf(span: StoredSpan, bytes: Buffer, request: Buffer | null): unknown {
    // A refused stream is answered with a JSON body.
    const isStream = span.stream && !/^\s*[{[]/.test(bytes.subarray(0, 64).toString('latin1'));
    if (!isStream && span.wire === '') return jsonOrText(bytes);
    return this.#deps.assembleAnswer(span, bytes, isStream, request) ?? jsonOrText(bytes);
  }
}

export interface ContentLimits {
  /** Plain bytes of all parts. */
  readonly bytesMax: number;
  /** Plain bytes of one part: a larger one is left out. */
  readonly bytesOfPartMax: number;
}

/** What one answer of the API contains at most. The rest is left out and says so. */
export const inlineLimits: ContentLimits = { bytesMax: 16 * 1024 * 1024, bytesOfPartMax: inlineBytesMax };

/** What a single span contains when its bodies are asked for whole. */
export const wholeLimits: ContentLimits = { bytesMax: 2 * rawBytesMax, bytesOfPartMax: rawBytesMax };

function chooseParts(spans: readonly StoredSpan[], { bytesMax, bytesOfPartMax }: ContentLimits) {
  let left = bytesMax;
  const takes = (length: number): boolean => {
    if (length > bytesOfPartMax || length > left) return false;
    left -= length;
    return true;
  };
  const chosen: Record<PayloadPart, StoredSpan[]> = { request: [], response: [] };
  for (const span of spans) {
    if (takes(span.requestLength)) chosen.request.push(span);
    if (takes(span.responseLength)) chosen.response.push(span);
  }
  return chosen;
}

async function plainPayload(
  span: CallPlace,
  stored: StoredPayload,
  key: Uint8Array | undefined,
): Promise<PlainPayload> {
  const { length, storedLength, part, data } = stored;
  const isTruncated = storedLength < length;
  try {
    if (!data) throw new LoomError('unavailable', `some of this ${part} is not stored yet; try again later`);
    if (stored.keyId !== null && !key) return { ...noBytes, state: 'sealed', length };
    const opened = key ? openStored(span, { ...stored, data }, key) : { data, hash: stored.hash };
    const bytes = await plainBytes({ ...stored, data: opened.data });
    return { bytes, state: isTruncated ? 'truncated' : 'complete', length, hash: opened.hash, stored };
  } catch (error) {
    return { ...noBytes, state: 'unreadable', length, fault: toLoomError(error) };
  }
}

function openStored(
  { projectId, callId }: CallPlace,
  { part, length, storedLength, data: encrypted }: StoredPayload & { readonly data: Buffer },
  key: Uint8Array,
): { readonly data: Buffer; readonly hash: string | null } {
  const data = openPayload(key, encrypted, { projectId, callId, part });
  if (storedLength >= length) return { data, hash: null };
  const { kept, wholeHash } = splitWholeHash(data);
  return { data: kept, hash: wholeHash.toString('hex') };
}

async function plainBytes({
  codec,
  data,
  storedLength,
}: Pick<StoredPayload, 'codec' | 'storedLength'> & { readonly data: Buffer }): Promise<Buffer> {
  if (storedLength > rawBytesMax) {
    throw new LoomError(
      'payload_too_large',
      `the payload has ${storedLength} bytes; at most ${rawBytesMax} are given out`,
    );
  }
  if (codec === 'identity') return data;
  const { buffer, read } = await decompressWhole(data, storedLength);
  if (read === data.length) return buffer;
  throw new LoomError('internal', 'a stored payload has bytes behind its end');
}

/** `read`: how many bytes of the data the frame has. */
async function decompressWhole(
  data: Buffer,
  lengthMax: number,
): Promise<{ readonly buffer: Buffer; readonly read: number }> {
  try {
    const options = { maxOutputLength: Math.max(1, lengthMax), info: true };
    const { buffer, engine } = (await decompress(data, options)) as unknown as Decompressed;
    return { buffer, read: engine.bytesWritten };
  } catch (cause) {
    throw new LoomError('internal', 'a stored payload cannot be decompressed', { cause });
  }
}

/** What `info` makes of the result, which the types of Node do not know. */
interface Decompressed {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function jsonOrText(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  try {
    return parseExactJson(text);
  } catch {
    return text;
  }
}
