import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { ContentState } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import { openPayload, splitWholeHash } from '@loom/ledger';
import type { PayloadPart } from '@loom/trace-schema';
import type { StoredPayload, StoredSpan, TraceReader } from '@loom/trace-store';
import type { BucketKeyReader } from './bucket-key-reader.ts';
import { contentLeftOut, type SpanContent } from './span-view.ts';

const decompress = promisify(zstdDecompress);

/** A payload larger than this is not put into a span; its bytes are there under `/raw`. Plain bytes. */
export const inlineBytesMax = 4 * 1024 * 1024;
const rawBytesMax = 64 * 1024 * 1024;

/** The caller's dialect, and the API of the provider's bytes where it is another ('' where it is the same). */
type CallWires = Pick<StoredSpan, 'dialect' | 'wire' | 'requestModel'>;

export interface ContentReaderDeps {
  readonly store: Pick<TraceReader, 'readPayload' | 'readChunks'>;
  /** Opens what is sealed. */
  readonly bucketKeys: Pick<BucketKeyReader, 'read'>;
  /** The answer as one JSON value: a body as it is, a stream put together from its chunks; null when there is none. */
  readonly assembleAnswer: (call: CallWires, bytes: Buffer, stream: boolean) => unknown;
}

export interface PlainPayload {
  /** Null when there are no bytes to give; `state` says why. */
  readonly bytes: Buffer | null;
  readonly state: ContentState;
  /** Of all the plain bytes, also of those that were not kept. */
  readonly length: number;
  /** Lower-case hex SHA-256 of the same; null for what was sealed as a whole, whose hash is kept nowhere. */
  readonly hash: string | null;
}

type CallPlace = Pick<StoredSpan, 'projectId' | 'spanId' | 'callId'>;

const noBytes = { bytes: null, length: 0, hash: null };

/** What was asked and answered, decoded from the store. */
export class ContentReader {
  readonly #deps: ContentReaderDeps;

  constructor(deps: ContentReaderDeps) {
    this.#deps = deps;
  }

  /** The recorded bytes, plain. Rejects with `payload_too_large` above 64 MiB. */
  async readBytes(span: CallPlace, part: PayloadPart): Promise<PlainPayload> {
    const { projectId, spanId } = span;
    const stored = await this.#deps.store.readPayload({ projectId, spanId, part });
    if (!stored) return { ...noBytes, state: 'absent' };
    const { length } = stored;
    const isTruncated = stored.storedLength < length;
    const opened = stored.keyId === null ? stored : await this.#open(span, part, stored, isTruncated);
    if (!opened) return { ...noBytes, state: 'sealed', length };
    const { hash } = opened;
    return { bytes: await plainBytes(opened), state: isTruncated ? 'truncated' : 'complete', length, hash };
  }

  /** Null when the key of its bucket is gone. */
  async #open(
    { projectId, callId }: CallPlace,
    part: PayloadPart,
    stored: StoredPayload,
    isTruncated: boolean,
  ): Promise<(Omit<StoredPayload, 'hash'> & { readonly hash: string | null }) | null> {
    const keyId = stored.keyId ?? '';
    const key = (await this.#deps.bucketKeys.read([keyId])).get(keyId);
    if (!key) return null;
    const data = openPayload(key, stored.data, { projectId, callId, part });
    if (!isTruncated) return { ...stored, data, hash: null };
    const { kept, wholeHash } = splitWholeHash(data);
    return { ...stored, data: kept, hash: wholeHash.toString('hex') };
  }

  /** Request and answer as JSON, as far as they are small enough. */
  async readContent(span: StoredSpan): Promise<SpanContent> {
    const { projectId, spanId } = span;
    const [request, response, chunks] = await Promise.all([
      this.#readInline(span, 'request', span.requestLength),
      this.#readInline(span, 'response', span.responseLength),
      this.#deps.store.readChunks({ projectId, spanId }),
    ]);
    return {
      request: request.bytes && jsonOrText(request.bytes),
      requestState: request.state,
      response: response.bytes && this.#answerOf(span, response.bytes),
      responseState: response.state,
      chunkCount: chunks?.atMicros.length ?? null,
    };
  }

  #readInline(span: StoredSpan, part: PayloadPart, length: number): Promise<PlainPayload> {
    if (length > inlineBytesMax) return Promise.resolve({ ...noBytes, state: 'omitted' });
    return this.readBytes(span, part);
  }

  #answerOf(span: StoredSpan, bytes: Buffer): unknown {
    // A refused stream is answered with a JSON body.
    const isStream = span.stream && !/^\s*[{[]/.test(bytes.subarray(0, 64).toString('latin1'));
    return this.#deps.assembleAnswer(span, bytes, isStream) ?? jsonOrText(bytes);
  }
}

/** Bytes of plain content that one answer of the API holds at most. */
const answerBytesMax = 16 * 1024 * 1024;
const parallelReads = 8;

/** Contents of the spans in order; those beyond the limit of one answer are left out and say so. */
export async function readContents(
  reader: ContentReader,
  spans: readonly StoredSpan[],
): Promise<SpanContent[]> {
  let budget = answerBytesMax;
  const fits = spans.map((span) => {
    budget -= Math.min(span.requestLength, inlineBytesMax) + Math.min(span.responseLength, inlineBytesMax);
    return budget >= 0;
  });
  const contents: SpanContent[] = [];
  for (let first = 0; first < spans.length; first += parallelReads) {
    const group = spans.slice(first, first + parallelReads);
    const read = group.map(async (span, index) =>
      fits[first + index] ? await reader.readContent(span) : contentLeftOut,
    );
    contents.push(...(await Promise.all(read)));
  }
  return contents;
}

async function plainBytes({
  codec,
  data,
  storedLength,
}: Pick<StoredPayload, 'codec' | 'data' | 'storedLength'>): Promise<Buffer> {
  if (storedLength > rawBytesMax) {
    throw new LoomError(
      'payload_too_large',
      `the payload has ${storedLength} bytes; at most ${rawBytesMax} are given out`,
    );
  }
  if (codec === 'identity') return data;
  try {
    return await decompress(data, { maxOutputLength: Math.max(1, storedLength) });
  } catch (cause) {
    throw new LoomError('internal', 'a stored payload cannot be decompressed', { cause });
  }
}

function jsonOrText(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
