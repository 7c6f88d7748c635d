import type {
  CallAttempt,
  CostComputed,
  CostState,
  PayloadPart,
  TokenBuckets,
  TraceOrder,
  TraceSort,
} from '@loom/trace-schema';
import type { Filter } from './filter.ts';
import type { TraceAuditor } from './trace-auditor.ts';
import type { AcceptedRow, CaptureEventRow, CostRow, PayloadRow, SpanRow, TextRow } from './rows.ts';

export interface TraceStoreOptions {
  /**
   * `migrate` (default) brings the schema forward, `expect` refuses a store whose schema is not this version's: for
   * processes that share a store, whose migrations are a step of their own.
   */
  readonly schema?: 'migrate' | 'expect';
}

/**
 * The trace store port: the queryable projection of the event stream. It can be thrown away and built again from the
 * stream; nothing in it is ever updated.
 *
 * Isolation: every read names one project and sees nothing of another; an id of another project is an id that does
 * not exist.
 * Instants are unix nanoseconds as decimal strings; a time range is `from` <= start < `to`. Money is US dollars as
 * decimal strings.
 * Errors: `invalid_request` for a bad filter, cursor or limit; `unavailable` when the engine is down or a write may
 * not have happened (the same batch again is the remedy); `overloaded` with `retryAfterMs` when it has no room;
 * `upstream_timed_out` when a read passed its time limit. Empty results are empty arrays; a missing trace, span or
 * payload is null.
 */
export interface TraceStore extends TraceWriter, TraceReader, TraceAuditor, TraceJanitor {
  /** Answers when the engine answers; else `unavailable`. */
  ping(): Promise<void>;

  /** Waits for running calls, then closes the connections. */
  close(): Promise<void>;
}

export interface TraceWriter {
  /**
   * Writes all rows of one batch of the stream. Resolves when every row, and what the rollups, facets and the trace
   * index derive from it, is on disk; rejects when any of that is not certain.
   * The same batch again (same `token`, same rows) changes nothing, exactly, also when the first try was cut short
   * at any point, by up to {@link deduplicatedBatchesMin} later batches. Other rows under a used token are lost:
   * a token belongs to one set of rows for ever.
   * A span or a cost that is in the store already, from another batch, is left out.
   */
  writeBatch(batch: WriteBatch): Promise<void>;
}

/** For at least this many batches the store remembers what it has written. */
export const deduplicatedBatchesMin = 10_000;

export interface WriteBatch {
  /** Derived from the ids of the batch's events and the replay's generation; see `batchToken`. */
  readonly token: string;
  readonly spans: readonly SpanRow[];
  readonly accepted: readonly AcceptedRow[];
  readonly payloads: readonly PayloadRow[];
  readonly texts: readonly TextRow[];
  readonly costs: readonly CostRow[];
  readonly captureEvents: readonly CaptureEventRow[];
}

/**
 * Takes out what is not to be kept any longer. Only the ledger's retention and erasure call it, and each of their runs is a
 * leaf of the log.
 */
export interface TraceJanitor {
  /** What {@link erase} would take out now. */
  countErasable(selection: Selection): Promise<ErasedRows>;

  /**
   * Resolves when no row says it any more and the parts are rewritten; what they were rewritten from goes from the disk
   * some minutes later: {@link sweep} tells. Again for the same selection: nothing happens. Rows that come afterwards stay.
   * Of end users everything goes that they or a model said to them, and who they were; counts, costs and times stay.
   */
  erase(selection: Selection): Promise<ErasedRows>;

  /**
   * How long ago the oldest of what is still on the disk was replaced, of all projects: 0 when nothing is left. What was
   * erased longer ago than that is found nowhere in the store any more. Parts that the store has set aside count until
   * somebody removes them. Statements of changes that are done are forgotten after `statementsKeptMs`. Milliseconds.
   */
  sweep(statementsKeptMs: number): Promise<number>;
}

/** Calls that started before a time: those of some end users, or the content of all, or everything. */
export type Selection = { readonly projectId: string; readonly before: string } & (
  { readonly users: readonly string[] } | { readonly what: 'content' | 'metadata' }
);

export interface ErasedRows {
  readonly spans: number;
  readonly payloads: number;
}

export interface TraceReader {
  /** Spans newest first (start time, then span id, both descending). */
  listSpans(query: ListQuery): Promise<Page<StoredSpan>>;

  /**
   * Traces with at least one matching span, by their newest matching span, newest first. Each trace comes once over
   * the pages of one cursor chain.
   */
  listTraces(query: TraceListQuery): Promise<Page<ListedTrace>>;

  /** Those of some spans (at most {@link pageLimitMax}) that started in the range and match the filter. */
  matchSpans(query: SpanMatchQuery): Promise<ReadonlySet<string>>;

  /** How many calls of a range have text that a search in text does not look at: more than is indexed. */
  countUnsearched(query: {
    readonly projectId: string;
    readonly from: string;
    readonly to: string;
  }): Promise<number>;

  /** The spans of a trace in order of start time and span id, paged; null when the project has no such trace. */
  readTrace(query: {
    readonly projectId: string;
    readonly traceId: string;
    readonly limit?: number;
    readonly cursor?: string | null;
  }): Promise<StoredTrace | null>;

  /**
   * All spans of a trace in order of start time and span id, in short: the first {@link outlineSpansMax} of them. Null
   * when the project has no such trace.
   */
  traceOutline(query: { readonly projectId: string; readonly traceId: string }): Promise<TraceOutline | null>;

  readSpan(query: SpanKey): Promise<StoredSpan | null>;

  /**
   * Returns the requests or the answers of some spans in one read, those that exist, each put together from its slices. Decoding
   * (`codec`, `keyId`) is the caller's. All of them are in memory at once: choose spans whose lengths add up to little.
   */
  readPayloads(query: PayloadsQuery): Promise<StoredPayload[]>;

  /** When each chunk of the answer came (micro-seconds after the start) and how long it was; null without a span. */
  readChunks(query: SpanKey): Promise<{ readonly atMicros: number[]; readonly lengths: number[] } | null>;

  /**
   * Calls accepted in the time range that have no span yet, newest first. Young ones are running; how old is too old
   * is the caller's judgement.
   */
  callsInFlight(query: Omit<ListQuery, 'filter' | 'cursor'>): Promise<AcceptedRow[]>;

  /**
   * Counts, sums and quantiles by time bucket and group, of exactly the calls that started in the range: what a range adds
   * up to is the sum over its parts. Ranges over {@link spanMetricsRangeMaxSeconds} are read from rollups, and the parts of
   * hours at their ends and at the starts of buckets from the rows.
   */
  metrics(query: MetricsQuery): Promise<MetricsPoint[]>;

  /** The same figures over the whole range by group, most requests first, then by group. */
  summary(query: SummaryQuery): Promise<MetricsFigures[]>;

  /** What {@link metrics} and {@link summary} give, with and without the group, in one reading. */
  overview(query: MetricsQuery): Promise<MetricsOverview>;

  /**
   * Conversations with a call in the range, by their last one, newest first. Figures are of exactly the range. A
   * conversation that goes on while its list is paged may be left out of the pages that come.
   */
  listSessions(query: ActivityQuery): Promise<Page<SessionActivity>>;

  /** End users with a call in the range, as {@link listSessions}. */
  listUsers(query: ActivityQuery): Promise<Page<UserActivity>>;

  /** What matches, counted and added up, and when it was. */
  readMatches(query: MatchQuery): Promise<Matches>;

  /** The most frequent values of each attribute among the spans of the range that match; most frequent first. */
  facets(query: {
    readonly projectId: string;
    readonly from: string;
    readonly to: string;
    readonly filter?: Filter | null;
    readonly attributes: readonly FacetAttribute[];
    /** Values per attribute, default 50, at most 500. */
    readonly limit?: number;
  }): Promise<Facet[]>;

  /** Refusals, losses and ends of emitters in the time range, newest first. */
  listCaptureEvents(query: Omit<ListQuery, 'filter' | 'cursor'>): Promise<CaptureEventRow[]>;

  /** The same totals from the rows and from everything derived of them. They are equal when nothing is wrong. */
  reconcile(query: { readonly projectId: string }): Promise<Reconciliation>;
}

export interface SpanKey {
  readonly projectId: string;
  readonly spanId: string;
}

export interface ListQuery {
  readonly projectId: string;
  /** Null: from the first span on. A filter on `text` needs both. */
  readonly from: string | null;
  readonly to: string | null;
  readonly filter?: Filter | null;
  /** Default 50, at most {@link pageLimitMax}. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | null;
}

export interface TraceListQuery extends ListQuery {
  /** Default `time`. Traces that lack what they are sorted by come last in both orders. */
  readonly sort?: TraceSort;
  /** Default `desc`. */
  readonly order?: TraceOrder;
}

export const pageLimitMax = 1000;

/** Following `nextCursor` visits every row that was there at the first page exactly once, whatever arrives meanwhile. */
export interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor: string | null;
}

/** What a span cost under the price book that priced it last. */
export interface StoredCost {
  readonly state: CostComputed['state'];
  readonly reason: string;
  readonly totalUsd: string;
  readonly lines: CostComputed['lines'];
  readonly priceBookVersion: string;
  readonly priceId: string;
  readonly tier: string;
  readonly estimated: boolean;
  readonly missing: readonly string[];
  /** What the provider said; '' when it said nothing. */
  readonly reportedUsd: string;
}

/** A span without its chunk vector, with its cost. `cost` is null while `costState` is `pending`. */
export interface StoredSpan extends Omit<SpanRow, 'chunkAtMicros' | 'chunkLengths'> {
  readonly chunkCount: number;
  readonly costState: CostState;
  readonly cost: StoredCost | null;
}

/** A trace in a list, with the newest span that matched. Counts and sums are over all its spans. */
export interface ListedTrace {
  readonly traceId: string;
  readonly startTime: string;
  /** End of the span that ended last. */
  readonly endTime: string;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly totalTokens: number;
  /** Sum of what is priced so far; null while nothing is and `costState` is another than `priced`. */
  readonly totalUsd: string | null;
  /** `pending` while any span is, else `unpriced` when any is, else `partial` when any is, else `priced`. */
  readonly costState: CostState;
  readonly newestMatch: ListedSpan;
}

/** What a list shows of a span. */
export type ListedSpan = Pick<
  SpanRow,
  | 'spanId'
  | 'callId'
  | 'startTime'
  | 'operation'
  | 'provider'
  | 'requestModel'
  | 'responseModel'
  | 'outcome'
  | 'status'
  | 'stream'
  | 'durationNanos'
  | 'timeToFirstChunkNanos'
  | 'errorType'
  | 'keyId'
  | 'userId'
  | 'sessionId'
  | 'inputPreview'
  | 'outputPreview'
> & { readonly totalTokens: number };

export interface StoredTrace {
  readonly traceId: string;
  readonly startTime: string;
  readonly spans: StoredSpan[];
  readonly nextCursor: string | null;
}

export const outlineSpansMax = 10_000;

export interface TraceOutline {
  readonly traceId: string;
  readonly startTime: string;
  readonly spans: OutlineSpan[];
  /** True when the trace has more spans than are here. */
  readonly truncated: boolean;
}

export interface OutlineSpan extends Pick<
  SpanRow,
  | 'spanId'
  | 'parentSpanId'
  | 'operation'
  | 'provider'
  | 'requestModel'
  | 'responseModel'
  | 'agentName'
  | 'workflowName'
  | 'outcome'
  | 'status'
  | 'startTime'
  | 'durationNanos'
  | 'timeToFirstChunkNanos'
  | 'errorType'
> {
  /** `metadata.tool`; '' when there is none. */
  readonly toolName: string;
  readonly totalTokens: number;
  /** Of a call that took more than one; else empty. */
  readonly attempts: readonly CallAttempt[];
  /** Null until priced, and where there is no price. */
  readonly totalUsd: string | null;
  readonly costState: CostState;
}

export interface SpanMatchQuery {
  readonly projectId: string;
  readonly from: string;
  readonly to: string;
  readonly filter: Filter;
  readonly spanIds: readonly string[];
}

export interface PayloadsQuery {
  readonly projectId: string;
  /** At most {@link pageLimitMax}. */
  readonly spanIds: readonly string[];
  readonly part: PayloadPart;
}

export interface StoredPayload {
  readonly spanId: string;
  readonly part: PayloadPart;
  readonly codec: 'identity' | 'zstd';
  readonly keyId: string | null;
  /** Length and lower-case hex SHA-256 of the plain bytes. */
  readonly length: number;
  readonly hash: string;
  /** Plain bytes that were kept; smaller than `length` when the capture limit cut it. */
  readonly storedLength: number;
  /** Slices that it was put together from; 0 when it came with its event. */
  readonly parts: number;
  /** The encoded bytes; null while some of its slices are missing. */
  readonly data: Buffer | null;
}

export const metricsGroups = ['none', 'model', 'provider', 'key'] as const;
export type MetricsGroup = (typeof metricsGroups)[number];

export interface MetricsQuery {
  readonly projectId: string;
  readonly from: string;
  readonly to: string;
  /**
   * At least 1; the range may hold at most {@link metricsBucketsMax} buckets. Buckets start at multiples of it, and in
   * another `timeZone` than UTC as `bucketStarts` says.
   */
  readonly bucketSeconds: number;
  /** An IANA name; default `UTC`. */
  readonly timeZone?: string;
  readonly groupBy: MetricsGroup;
}

export const metricsBucketsMax = 2000;
export const spanMetricsRangeMaxSeconds = 48 * 3600;

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What calls cost, and how much of that is not known. */
export interface CostFigures {
  /** Sum of the known costs; null where no call has one. */
  readonly costUsd: string | null;
  /** Calls whose model has no price. */
  readonly withoutPrice: number;
  /** Calls of which a part has no price. */
  readonly partlyPriced: number;
}

/** What calls of one group add up to. */
export interface MetricsFigures extends CostFigures {
  /** The group's value; '' with `none`. Models and keys as asked for: `requestModel`, `keyId`. */
  readonly group: string;
  readonly requests: number;
  readonly errors: number;
  readonly tokens: TokenBuckets;
  /** Milliseconds; null without calls. */
  readonly latencyMs: Quantiles | null;
  /** Milliseconds; null when no call had a first chunk. */
  readonly firstChunkMs: Quantiles | null;
  /** Milliseconds that Loom added before the provider was called; null without calls, and where a rollup is older. */
  readonly gatewayOverheadMs: Quantiles | null;
  /** Calls that took more than one attempt. */
  readonly retried: number;
}

/** Only buckets with calls or costs are returned, in order of time and group. */
export interface MetricsPoint extends MetricsFigures {
  readonly bucketStart: string;
}

export interface MetricsOverview {
  /** Null without calls and costs. */
  readonly total: MetricsFigures | null;
  /** Most requests first, then by group. */
  readonly groups: readonly MetricsFigures[];
  /** By bucket; `group` is ''. */
  readonly points: readonly MetricsPoint[];
  /** By bucket and group; sums only, the quantiles are null. */
  readonly groupedPoints: readonly MetricsPoint[];
}

export interface MatchQuery extends ListQuery {
  readonly from: string;
  readonly to: string;
  /** From 1; the range has at most {@link metricsBucketsMax} of them. */
  readonly bucketSeconds: number;
}

/** Of the matching spans, not of what else their traces have. */
export interface Matches extends CostFigures {
  readonly traces: number;
  readonly spans: number;
  readonly errors: number;
  readonly totalTokens: number;
  /** Those with spans, in order. */
  readonly buckets: readonly {
    readonly bucketStart: string;
    readonly spans: number;
    readonly errors: number;
  }[];
}

export interface SummaryQuery extends Omit<MetricsQuery, 'bucketSeconds' | 'timeZone'> {
  /** Default 50, at most {@link pageLimitMax}. */
  readonly limit?: number;
}

export interface ActivityQuery {
  readonly projectId: string;
  readonly from: string;
  readonly to: string;
  /** Only ids that contain this, without regard to case; '' for all. */
  readonly search?: string;
  /** Default 50, at most {@link pageLimitMax}. */
  readonly limit?: number;
  readonly cursor?: string | null;
}

/** What a conversation or an end user did in a range. */
interface Activity extends CostFigures {
  readonly traces: number;
  readonly spans: number;
  readonly errors: number;
  readonly totalTokens: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

export interface SessionActivity extends Activity {
  readonly sessionId: string;
  /** '' when none is known; the last by name when calls say different ones. */
  readonly userId: string;
}

export interface UserActivity extends Activity {
  readonly userId: string;
  readonly sessions: number;
}

export const facetAttributes = [
  'model',
  'requestModel',
  'provider',
  'operation',
  'outcome',
  'status',
  'key',
  'user',
  'environment',
  'release',
  'agent',
  'workflow',
  'prompt',
  'finishReason',
  'error',
] as const;
export type FacetAttribute = (typeof facetAttributes)[number] | `metadata.${string}`;

export interface Facet {
  readonly attribute: FacetAttribute;
  readonly values: { readonly value: string; readonly count: number }[];
}

export interface Reconciliation {
  readonly spans: { readonly rows: number; readonly distinct: number; readonly tokens: number };
  readonly rollup: { readonly requests: number; readonly tokens: number };
  readonly traceIndex: { readonly spans: number };
  /** Count of the facet `operation`, which every span has. */
  readonly facets: { readonly spans: number };
  readonly costs: { readonly rows: number; readonly distinct: number; readonly totalUsd: string };
  readonly costRollup: { readonly rows: number; readonly totalUsd: string };
  /** What lists of traces sum up. */
  readonly spansByTrace: { readonly rows: number; readonly tokens: number };
  readonly costsByTrace: { readonly rows: number; readonly totalUsd: string };
}
