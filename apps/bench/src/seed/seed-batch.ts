import { zstdCompressSync } from 'node:zlib';
import { computeCost, type PriceBook } from '@loom/pricing';
import { eventIds, fromTokenBuckets, type PayloadPart } from '@loom/trace-schema';
import {
  batchToken,
  type CostRow,
  payloadHeadIndex,
  type PayloadRow,
  type SpanRow,
  type TextRow,
  type WriteBatch,
} from '@loom/trace-store';
import { createHash } from 'node:crypto';
import type { SeededSpan } from './seeded-span.ts';

const searchTextLengthMax = 200_000;
const compressedBytesMin = 1024;

/** What the ingest and pricing services would have written for these spans. */
export function seedBatch(spans: readonly SeededSpan[], book: PriceBook): WriteBatch {
  return {
    token: batchToken(
      spans.map(({ row }) => row.eventId),
      1,
    ),
    spans: spans.map(({ row }) => row),
    accepted: [],
    payloads: spans.flatMap(payloadsOf),
    texts: spans.flatMap(textsOf),
    costs: spans.filter(({ row }) => row.outcome !== 'refused').map(({ row }) => costOf(row, book)),
    captureEvents: [],
  };
}

function costOf(span: SpanRow, book: PriceBook): CostRow {
  const cost = computeCost(book, {
    organizationId: span.organizationId,
    provider: span.providerKind,
    models: [span.responseModel, span.routedModel, span.requestModel].filter((model) => model !== ''),
    startTime: span.startTime,
    serviceTier: span.serviceTier === '' ? null : span.serviceTier,
    usage: span.usageSource === 'none' ? null : fromTokenBuckets(span.tokens),
    usageSource: span.usageSource,
  });
  return {
    id: eventIds.cost(span.eventId, cost.priceBookVersion),
    type: 'cost.computed',
    emitter: span.emitter,
    seq: span.seq,
    time: String(BigInt(span.startTime) + BigInt(span.durationNanos) + 20_000_000n),
    organizationId: span.organizationId,
    projectId: span.projectId,
    callId: span.callId,
    traceId: span.traceId,
    spanId: span.spanId,
    startTime: span.startTime,
    operation: span.operation,
    provider: span.provider,
    requestModel: span.requestModel,
    responseModel: span.responseModel,
    keyId: span.keyId,
    userId: span.userId,
    ...cost,
  };
}

function payloadsOf({ row, content }: SeededSpan): PayloadRow[] {
  if (!content) return [];
  const head = (part: PayloadPart, plain: Buffer): PayloadRow => {
    const codec = plain.length < compressedBytesMin ? 'identity' : 'zstd';
    const encoded = codec === 'identity' ? plain : zstdCompressSync(plain);
    return {
      projectId: row.projectId,
      spanId: row.spanId,
      part,
      index: payloadHeadIndex,
      time: row.startTime,
      codec,
      keyId: null,
      length: plain.length,
      storedLength: plain.length,
      hash: createHash('sha256').update(plain).digest('hex'),
      parts: 0,
      data: encoded.toString('base64'),
    };
  };
  return [
    head('request', content.request),
    ...(content.response ? [head('response', content.response)] : []),
  ];
}

function textsOf({ row, content }: SeededSpan): TextRow[] {
  const texts: [PayloadPart, string][] = content
    ? [
        ['request', content.requestText],
        ['response', content.responseText],
      ]
    : [];
  return texts
    .filter(([, text]) => text !== '')
    .map(([part, text]) => ({
      projectId: row.projectId,
      startTime: row.startTime,
      spanId: row.spanId,
      part,
      text: text.slice(0, searchTextLengthMax),
    }));
}
