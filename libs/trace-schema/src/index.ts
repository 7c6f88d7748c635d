export { asyncApiDocument } from './async-api.ts';
export {
  CallAccepted,
  type CallAttempt,
  CallChunks,
  CallEnded,
  type CallError,
  type CallFacts,
  type CallIdentity,
  type CallPart,
  type CallRefused,
  type CallTiming,
  CaptureMode,
  type CaptureLost,
  type CaptureRefusals,
  type ChunkVector,
  type EmitterClosed,
  type EmitterOpened,
  eventIds,
  callEndedTypes,
  isCallEnded,
  KeyCreated,
  Outcome,
  outcomeOf,
  systemProjectId,
  type TextCounts,
  TraceEvent,
} from './call-events.ts';
export {
  AliasRecord,
  RouteSettings,
  RouteTarget,
  ApiKeyRecord,
  ControlChanged,
  ControlEvent,
  KeyLimits,
  KeyMaker,
  KeyScope,
  PriceEntry,
  PriceListRecord,
  type PriceMatch,
  ProjectRecord,
  ProviderRecord,
  Retention,
  TieredPrice,
} from './control-events.ts';
export { millisOfNanos, nanosOfMillis } from './instants.ts';
export { CostComputed, type CostLine, CostState } from './cost-events.ts';
export { eventCheck } from './event-check.ts';
export { eventReader, readEventOf, type ReadOutcome } from './event-reader.ts';
export { exactNumber, isInexactNumber, parseExactJson } from './exact-json.ts';
export { newSpanId, newTraceId, newUuid, parseTraceparent, uuidFloor, uuidTimeMs } from './ids.ts';
export { inlinePayloadBytesMax, Payload, PayloadPart, recordBytesMax } from './payload.ts';
export { providerNameOf, semconv } from './semconv.ts';
export { type TraceOrder, traceOrders, type TraceSort, traceSorts } from './trace-sorts.ts';
export { cloudEventHeaders, DeadLetter, type Topic, topics } from './topics.ts';
export {
  fromTokenBuckets,
  toTokenBuckets,
  type TokenBucket,
  tokenBuckets,
  type TokenBuckets,
  Usage,
  UsageDetails,
  UsageSource,
  wholeOfPart,
} from './usage.ts';
