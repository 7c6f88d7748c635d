/*
 * What proves each column of the trace store. Sealing, the checks and docs/auditor.md all read this one list. A test
 * compares it with the columns of a migrated store.
 */

/** How a check knows that a stored value is the one that was recorded. */
export type Coverage =
  /**
   * The leaf of the row's event commits to it: in its part `meta`, or in the payload part. `digest`: of a long value `meta`
   * has the SHA-256 only. `decimal`: digits after the last that counts do not matter.
   */
  | { readonly by: 'commitment'; readonly part: 'meta' | 'payload'; readonly as?: 'digest' | 'decimal' }
  /** The check derives it again from what is committed, and compares. */
  | { readonly by: 'derivation'; readonly from: string }
  /** A change of it goes unnoticed. */
  | { readonly by: 'nothing'; readonly why: string };

export type Columns = Readonly<Record<string, Coverage>>;

export interface StoredTable {
  /** What one row is. */
  readonly holds: string;
  /** By the name of the field: the column has the same name in snake case. New columns are added at the end. */
  readonly columns: Columns;
}

const meta: Coverage = { by: 'commitment', part: 'meta' };
const digest: Coverage = { ...meta, as: 'digest' };
const payload: Coverage = { by: 'commitment', part: 'payload' };
const derived = (from: string): Coverage => ({ by: 'derivation', from });
const uncovered = (why: string): Coverage => ({ by: 'nothing', why });

const each = <Name extends string>(coverage: Coverage, names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, coverage])) as Record<Name, Coverage>;

const callFacts = each(meta, [
  ...['organizationId', 'projectId', 'traceId', 'spanId', 'parentSpanId', 'callId', 'keyId', 'startTime'],
  ...['sessionId', 'userId', 'environment', 'release', 'agentName', 'agentVersion', 'workflowName'],
  ...['promptName', 'promptVersion', 'metadata', 'operation', 'dialect', 'provider', 'providerKind'],
  ...['requestModel', 'routedModel', 'wire', 'route', 'cache', 'dropped', 'stream', 'capture', 'parameters'],
  ...['requestLength', 'requestHash', 'eventId', 'emitter', 'seq'],
]);

const spanFacts = each(meta, [
  ...['durationNanos', 'timeToFirstChunkNanos', 'gatewayOverheadNanos', 'outcome', 'status', 'errorType'],
  ...['errorMessage', 'errorCode', 'responseModel', 'responseId', 'finishReasons', 'serviceTier'],
  ...['systemFingerprint', 'inputUncachedTokens', 'cacheReadTokens', 'cacheWriteTokens', 'inputAudioTokens'],
  ...['outputTextTokens', 'reasoningTokens', 'outputAudioTokens', 'usageSource', 'usageConsistent'],
  ...['responseLength', 'responseHash', 'deliveredBytes', 'attempts', 'links', 'rolloutName', 'rolloutArm'],
  ...['rolloutSeed', 'rolloutUnit'],
]);

const batchToken = uncovered(
  'names the batch that wrote the row; ingest alone reads it, and nothing shows it',
);
const ofSpans = derived('the rows of `spans`, by the statement of its view');
const ofCosts = derived('the rows of `costs`, by the statement of its view');
const rollupKeys = ['projectId', 'hour', 'requestModel', 'provider', 'keyId'];
const tokenColumns = ['inputUncachedTokens', 'cacheReadTokens', 'cacheWriteTokens', 'inputAudioTokens', 'outputTextTokens', 'reasoningTokens', 'outputAudioTokens']; // prettier-ignore
const quantiles = derived(
  'the rows of `spans`, by the statement of its view, within the error of a digest: two in a hundred ranks',
);

export const storedTables = {
  spans: {
    holds: 'one finished call',
    columns: {
      ...callFacts,
      ...spanFacts,
      chunkAtMicros: digest,
      chunkLengths: digest,
      lostFacts: meta,
      inputPreview: derived('nothing: it is empty, and lists show that of `calls_accepted`'),
      outputPreview: derived('the recorded answer'),
      ...each(derived('the other columns of its row'), ['model', 'isError', 'inputTokens', 'outputTokens', 'attemptCount']), // prettier-ignore
      batchToken,
      usageDetails: meta,
    },
  },
  calls_accepted: {
    holds: 'one accepted call',
    columns: { ...callFacts, lostFacts: meta, inputPreview: derived('the recorded request') },
  },
  span_payloads: {
    holds: 'one request or answer, or one slice of a large one',
    columns: {
      ...each(payload, ['projectId', 'spanId', 'part', 'index', 'codec', 'length', 'storedLength', 'hash', 'parts', 'data']), // prettier-ignore
      keyId: derived('the bucket that the leaf names, in sealed projects; else it is empty'),
      time: derived('the time of the leaf, to the millisecond; of slices it is not covered'),
    },
  },
  span_texts: {
    holds: 'the words of one request or answer, for the search',
    columns: {
      ...each(derived('the recorded request or answer; there is no row of what is sealed'), ['projectId', 'spanId', 'part', 'text']), // prettier-ignore
      startTime: derived('the start of its call'),
    },
  },
  costs: {
    holds: 'one price of a call, or of an attempt',
    columns: {
      ...each(meta, [
        ...['id', 'emitter', 'seq', 'time', 'organizationId', 'projectId', 'callId', 'traceId', 'spanId'],
        ...[
          'startTime',
          'operation',
          'provider',
          'requestModel',
          'responseModel',
          'keyId',
          'userId',
          'state',
        ],
        ...['reason', 'lines', 'priceBookVersion', 'priceId', 'tier', 'estimated'],
      ]),
      totalUsd: { ...meta, as: 'decimal' },
      batchToken,
      ...each(meta, ['missing', 'reportedUsd']),
    },
  },
  capture_events: {
    holds: 'what capture says of itself: refusals that were counted, losses, ends of emitters',
    columns: each(meta, ['projectId', 'time', 'type', 'eventId', 'emitter', 'seq', 'body']),
  },
  trace_index: {
    holds: 'where in time a trace lies',
    columns: each(ofSpans, ['projectId', 'traceId', 'firstStart', 'lastStart', 'spans']),
  },
  facets: {
    holds: 'how often a value came on a day',
    columns: each(ofSpans, ['projectId', 'attribute', 'day', 'value', 'spans']),
  },
  calls_hourly: {
    holds: 'figures of calls by the hour',
    columns: {
      ...each(ofSpans, [...rollupKeys, 'requests', 'errors', ...tokenColumns, 'retried']),
      ...each(quantiles, ['latencyMs', 'firstChunkMs', 'overheadMs']),
    },
  },
  costs_hourly: {
    holds: 'figures of prices by the hour',
    columns: each(ofCosts, [
      ...rollupKeys,
      'priceBookVersion',
      'rows',
      'totalUsd',
      'priced',
      'withoutPrice',
      'partlyPriced',
    ]),
  },
  sessions_daily: {
    holds: 'what a conversation did on a day',
    columns: each(ofSpans, ['projectId', 'day', 'sessionId', 'userId', 'firstStart', 'lastStart', 'spans', 'errors', 'tokens', 'traces']), // prettier-ignore
  },
  users_daily: {
    holds: 'what an end user did on a day',
    columns: each(ofSpans, ['projectId', 'day', 'userId', 'firstStart', 'lastStart', 'spans', 'errors', 'tokens', 'traces', 'sessions']), // prettier-ignore
  },
  spans_by_trace: {
    holds: 'one call, in the order of traces',
    columns: each(ofSpans, ['projectId', 'traceId', 'spanId', 'startTime', 'durationNanos', 'refused', 'isError', 'tokens']), // prettier-ignore
  },
  costs_by_trace: {
    holds: 'one price, in the order of traces',
    columns: each(ofCosts, ['projectId', 'traceId', 'spanId', 'priceBookVersion', 'time', 'called', 'state', 'totalUsd']), // prettier-ignore
  },
  schema_migrations: {
    holds: 'one migration that has run',
    columns: each(uncovered('the schema of the store; it says nothing of a call'), ['name', 'appliedAt']),
  },
} as const satisfies Readonly<Record<string, StoredTable>>;

export type StoredTableName = keyof typeof storedTables;

/** Tables whose rows say what one event says: its leaf commits to them in its part `meta`. */
export const factTables = ['spans', 'calls_accepted', 'costs', 'capture_events'] as const;
export type FactTable = (typeof factTables)[number];

const tableByKind: Readonly<Record<string, FactTable>> = {
  'call.accepted': 'calls_accepted',
  ...{
    'call.completed': 'spans',
    'call.failed': 'spans',
    'call.aborted': 'spans',
    'call.interrupted': 'spans',
  },
  ...{ 'call.refused': 'spans', 'cost.computed': 'costs' },
  ...{ 'capture.refusals': 'capture_events', 'capture.lost': 'capture_events' },
  'emitter.closed': 'capture_events',
};

/** The table of the row that an event of this kind becomes; null where it becomes none. */
export function factTableOf(kind: string): FactTable | null {
  return tableByKind[kind] ?? null;
}

const metaColumns = new Map<FactTable, readonly (readonly [string, 'digest' | 'decimal' | 'whole'])[]>(
  factTables.map((table) => [
    table,
    Object.entries<Coverage>(storedTables[table].columns).flatMap(([field, coverage]) =>
      coverage.by === 'commitment' && coverage.part === 'meta'
        ? [[field, coverage.as ?? 'whole'] as const]
        : [],
    ),
  ]),
);

/** The fields of a table that `meta` commits to, in the order of the list, with the form that each has there. */
export function committedFields(
  table: FactTable,
): readonly (readonly [string, 'digest' | 'decimal' | 'whole'])[] {
  return metaColumns.get(table) ?? [];
}

/** `startTime` is the column `start_time`. */
export function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What a deep check cannot say of calls, besides the columns that nothing covers. */
export const uncoveredCases = [
  'Calls that were sealed before version 2 of `meta`: of these only the end user, conversation, metadata, response model and id, finish reasons, error, times and delivered bytes are committed, and the facts in the leaf.',
  'Calls whose bucket key is erased: what is left of them is compared with the facts in the leaf alone.',
  'Of days up to an erasure: labels, figures of end users that are too low, and figures of conversations with calls that do not belong to them any more. And figures of calls that retention took.',
  'Digests of hours that have none of Loom’s own time: an older version did not count it.',
] as const;
