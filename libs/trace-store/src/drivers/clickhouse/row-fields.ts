import { type TokenBucket, tokenBuckets, type TokenBuckets } from '@loom/trace-schema';
import { type FlatSpan, flatSpan, tokenField, type TokenFields } from '../../flat-row.ts';
import type {
  AcceptedRow,
  CallRow,
  CaptureEventRow,
  CostRow,
  PayloadRow,
  SpanRow,
  TextRow,
} from '../../rows.ts';
import { type Fields, fromStored, rowWriter, type StoredRow, type StoredValues } from './row-codec.ts';

const callFields = {
  organizationId: 'text',
  projectId: 'text',
  traceId: 'text',
  spanId: 'text',
  parentSpanId: 'text',
  callId: 'text',
  keyId: 'text',
  startTime: 'time',
  sessionId: 'text',
  userId: 'text',
  environment: 'text',
  release: 'text',
  agentName: 'text',
  agentVersion: 'text',
  workflowName: 'text',
  promptName: 'text',
  promptVersion: 'text',
  metadata: 'asIs',
  operation: 'text',
  dialect: 'text',
  provider: 'text',
  providerKind: 'text',
  requestModel: 'text',
  routedModel: 'text',
  wire: 'text',
  route: 'text',
  cache: 'text',
  dropped: 'asIs',
  stream: 'flag',
  capture: 'text',
  parameters: 'asIs',
  inputPreview: 'text',
  requestLength: 'number',
  requestHash: 'text',
  lostFacts: 'asIs',
  eventId: 'text',
  emitter: 'text',
  seq: 'number',
} as const satisfies Fields<CallRow>;

export const acceptedFields: Fields<AcceptedRow> = callFields;

const tokenFields = Object.fromEntries(
  tokenBuckets.map((bucket) => [tokenField(bucket), 'number']),
) as Fields<TokenFields>;

type ChunkColumns = Pick<SpanRow, 'chunkAtMicros' | 'chunkLengths'>;

/** What is read of a span; the chunk vector is written beside it and read on its own. */
export const spanFields: Fields<Omit<FlatSpan, keyof ChunkColumns>> = {
  ...callFields,
  durationNanos: 'number',
  timeToFirstChunkNanos: 'optionalNumber',
  gatewayOverheadNanos: 'number',
  outcome: 'text',
  status: 'number',
  errorType: 'text',
  errorMessage: 'text',
  errorCode: 'text',
  responseModel: 'text',
  responseId: 'text',
  finishReasons: 'asIs',
  serviceTier: 'text',
  systemFingerprint: 'text',
  ...tokenFields,
  usageSource: 'text',
  usageConsistent: 'flag',
  usageDetails: 'json',
  outputPreview: 'text',
  responseLength: 'number',
  responseHash: 'text',
  deliveredBytes: 'number',
  attempts: 'json',
  links: 'json',
  rolloutName: 'text',
  rolloutArm: 'text',
  rolloutSeed: 'text',
  rolloutUnit: 'text',
};

export const writtenSpanFields: Fields<FlatSpan & { readonly batchToken: string }> = {
  ...spanFields,
  chunkAtMicros: 'numbers',
  chunkLengths: 'numbers',
  batchToken: 'text',
};

const writeSpan = rowWriter(writtenSpanFields);

export function storedSpan(span: SpanRow, batchToken: string): StoredValues {
  return writeSpan({ ...flatSpan(span), batchToken });
}

export function readSpanRow(stored: StoredRow): Omit<SpanRow, keyof ChunkColumns> {
  const row: StoredRow = { ...fromStored(spanFields, stored), tokens: readTokens(stored) };
  for (const bucket of tokenBuckets) Reflect.deleteProperty(row, tokenField(bucket));
  return row as unknown as Omit<SpanRow, keyof ChunkColumns>;
}

/** Token buckets of a row that has them under the names of {@link tokenSums}. */
export function readTokens(stored: StoredRow): TokenBuckets {
  const entries = tokenBuckets.map((bucket) => [bucket, Number(stored[tokenField(bucket)])]);
  return Object.fromEntries(entries) as TokenBuckets;
}

const tokenColumn = (bucket: TokenBucket) =>
  `${bucket.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_tokens`;

export const tokenSums = tokenBuckets
  .map((bucket) => `sum(${tokenColumn(bucket)}) AS \`${tokenField(bucket)}\``)
  .join(', ');

/** All tokens of a row. */
export const totalTokens = `(${tokenBuckets.map(tokenColumn).join(' + ')})`;

export const payloadFields: Fields<PayloadRow> = {
  projectId: 'text',
  spanId: 'text',
  part: 'text',
  index: 'number',
  time: 'time',
  codec: 'text',
  keyId: 'optionalText',
  length: 'number',
  storedLength: 'number',
  hash: 'text',
  parts: 'number',
  data: 'base64',
};

export const textFields: Fields<TextRow> = {
  projectId: 'text',
  startTime: 'time',
  spanId: 'text',
  part: 'text',
  text: 'text',
};

/** Beside the event's own fields: the batch that wrote the row. */
export type WrittenCost = Omit<CostRow, 'type' | 'missing' | 'reportedUsd'> & {
  readonly batchToken: string;
  readonly missing: readonly string[];
  readonly reportedUsd: string;
};

export const costFields: Fields<WrittenCost> = {
  id: 'text',
  emitter: 'text',
  seq: 'number',
  time: 'time',
  organizationId: 'text',
  projectId: 'text',
  callId: 'text',
  traceId: 'text',
  spanId: 'text',
  startTime: 'time',
  operation: 'text',
  provider: 'text',
  requestModel: 'text',
  responseModel: 'text',
  keyId: 'text',
  userId: 'text',
  state: 'text',
  reason: 'text',
  totalUsd: 'decimal',
  lines: 'json',
  priceBookVersion: 'text',
  priceId: 'text',
  tier: 'text',
  estimated: 'flag',
  batchToken: 'text',
  missing: 'asIs',
  reportedUsd: 'text',
};

export const captureEventFields: Fields<CaptureEventRow> = {
  projectId: 'text',
  time: 'time',
  type: 'text',
  eventId: 'text',
  emitter: 'text',
  seq: 'number',
  body: 'text',
};
