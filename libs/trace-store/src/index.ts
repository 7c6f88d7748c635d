export { batchToken } from './batch-token.ts';
export {
  type Comparison,
  type Filter,
  filterComparisonsMax,
  filterDepthMax,
  type FilterField,
  filterFields,
  type FilterOperator,
  filterOperators,
  isFilterField,
} from './filter.ts';
export { type ReadScope, readScope, withReadScope } from './read-scope.ts';
export { FairTurns, type FairTurnsLimits } from './fair-turns.ts';
export { flatRow } from './flat-row.ts';
export { openTraceStore } from './open.ts';
export { searchForm } from './search-words.ts';
export { bucketStarts } from './time-buckets.ts';
export { answerWords, type PartWords, type ReadAnswerText, requestWords } from './part-words.ts';
export {
  type EstimateUsage,
  type EventReaders,
  type EventRows,
  type FactRow,
  factRowOf,
  rowsOfEvent,
} from './rows-of-event.ts';
export {
  type AcceptedRow,
  type CallRow,
  type CaptureEventRow,
  type CostRow,
  payloadHeadIndex,
  type PayloadRow,
  previewLengthMax,
  type SpanRow,
  type TextRow,
} from './rows.ts';
export {
  type AuditedTable,
  type Deviation,
  type DeviationQuery,
  deviationsMax,
  type StoredFields,
  type TraceAuditor,
} from './trace-auditor.ts';
export {
  type ActivityQuery,
  deduplicatedBatchesMin,
  type Facet,
  type FacetAttribute,
  facetAttributes,
  type ListedSpan,
  type ListedTrace,
  type ListQuery,
  metricsBucketsMax,
  type MetricsFigures,
  type MetricsOverview,
  type MetricsGroup,
  metricsGroups,
  type MetricsPoint,
  type MetricsQuery,
  type OutlineSpan,
  outlineSpansMax,
  type Page,
  pageLimitMax,
  type PayloadsQuery,
  type Quantiles,
  type Reconciliation,
  type SessionActivity,
  type SpanKey,
  type SpanMatchQuery,
  spanMetricsRangeMaxSeconds,
  type ErasedRows,
  type Selection,
  type StoredCost,
  type StoredPayload,
  type StoredSpan,
  type StoredTrace,
  type SummaryQuery,
  type TraceJanitor,
  type TraceOutline,
  type TraceReader,
  type TraceStore,
  type TraceStoreOptions,
  type TraceWriter,
  type UserActivity,
  type WriteBatch,
} from './trace-store.ts';
