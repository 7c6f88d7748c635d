import { z } from 'zod';
import {
  ApiKey,
  CreatedApiKey,
  ModelAlias,
  NewApiKey,
  NewModelAlias,
  NewProject,
  NewProvider,
  Project,
  ProjectChange,
  ProviderChange,
  ProviderSettings,
} from './control.ts';
import { Facets, MetricsGroupBy, MetricsSeries } from './metrics.ts';
import { CallInFlight, Span, SpanChunks, TraceDetail, TraceList } from './trace.ts';

export interface Route {
  readonly service: 'query' | 'control';
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Parameters in braces: `/v1/traces/{traceId}`. */
  readonly path: `/${string}`;
  /** What the key must be allowed to do; null: no key is asked for. */
  readonly scope: 'read' | 'manage' | null;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Of the success answer: JSON of this schema, or another media type. */
  readonly response: z.ZodType | { readonly mediaType: string };
}

/** ISO 8601 or unix milliseconds. */
const TimeText = z
  .string()
  .max(40)
  .refine(
    (text) => /^\d{1,14}$/.test(text) || (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))),
    {
      error: 'expected a time such as 2026-11-22T10:00:00Z or unix milliseconds',
    },
  );
const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const Range = { from: TimeText.optional(), to: TimeText.optional() };
const Paging = { cursor: z.string().max(1000).optional() };
const TraceParams = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hex digits'),
});
const SpanParams = z.object({
  spanId: z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hex digits'),
});
const IdParams = z.object({ id: z.string().min(1).max(200) });
const Done = z.object({ ok: z.literal(true) });

/** Every route of query and control: what they serve, what the client calls, what OpenAPI says. */
export const routes = {
  listTraces: {
    service: 'query',
    method: 'GET',
    path: '/v1/traces',
    scope: 'read',
    summary: 'Traces, newest first. `filter` as in `model:gpt-4o-mini status:error cost:>0.01 -env:dev`.',
    query: z.object({
      ...Range,
      ...Paging,
      filter: z.string().max(2000).optional(),
      limit: wholeNumber(1, 200).default(50),
    }),
    response: TraceList,
  },
  getTrace: {
    service: 'query',
    method: 'GET',
    path: '/v1/traces/{traceId}',
    scope: 'read',
    summary: 'A trace and its spans in order of start, a page at a time.',
    params: TraceParams,
    query: z.object({
      ...Paging,
      limit: wholeNumber(1, 1000).default(100),
      /** `none` leaves requests and answers out. */
      content: z.enum(['inline', 'none']).default('inline'),
    }),
    response: TraceDetail,
  },
  getSpan: {
    service: 'query',
    method: 'GET',
    path: '/v1/spans/{spanId}',
    scope: 'read',
    summary: 'One span with its request and answer.',
    params: SpanParams,
    response: Span,
  },
  getSpanChunks: {
    service: 'query',
    method: 'GET',
    path: '/v1/spans/{spanId}/chunks',
    scope: 'read',
    summary: 'The answer of a span chunk by chunk, with the time of each.',
    params: SpanParams,
    response: SpanChunks,
  },
  getSpanRaw: {
    service: 'query',
    method: 'GET',
    path: '/v1/spans/{spanId}/raw',
    scope: 'read',
    summary: 'The recorded bytes of the request or the answer, exactly.',
    params: SpanParams,
    query: z.object({ part: z.enum(['request', 'response']) }),
    response: { mediaType: 'application/octet-stream' },
  },
  listCallsInFlight: {
    service: 'query',
    method: 'GET',
    path: '/v1/calls/in-flight',
    scope: 'read',
    summary: 'Calls that were accepted in the range (default: the last hour) and have not ended.',
    query: z.object({ ...Range, limit: wholeNumber(1, 200).default(50) }),
    response: z.object({ calls: z.array(CallInFlight) }),
  },
  getMetricsSeries: {
    service: 'query',
    method: 'GET',
    path: '/v1/metrics/series',
    scope: 'read',
    summary: 'Requests, errors, tokens, cost and latency over time (default: the last 24 hours by the hour).',
    query: z.object({
      ...Range,
      bucketSeconds: wholeNumber(1, 86_400 * 31).default(3600),
      groupBy: MetricsGroupBy.default('none'),
    }),
    response: MetricsSeries,
  },
  getFacets: {
    service: 'query',
    method: 'GET',
    path: '/v1/facets',
    scope: 'read',
    summary: 'The most frequent values of attributes, by whole UTC days (default: the last 7).',
    query: z.object({
      ...Range,
      /** Comma-separated: `model,provider,metadata.region`. */
      attributes: z.string().min(1).max(1000).default('model,provider,outcome,key'),
      limit: wholeNumber(1, 200).default(20),
    }),
    response: Facets,
  },
  live: {
    service: 'query',
    method: 'GET',
    path: '/v1/live',
    scope: 'read',
    summary: 'Server-sent events of the calls of the project, as they happen.',
    response: { mediaType: 'text/event-stream' },
  },
  getOpenApi: {
    service: 'query',
    method: 'GET',
    path: '/openapi.json',
    scope: null,
    summary: 'This document.',
    response: z.record(z.string(), z.unknown()),
  },
  listKeys: {
    service: 'control',
    method: 'GET',
    path: '/v1/keys',
    scope: 'manage',
    summary: 'API keys, without their secrets.',
    response: z.object({ keys: z.array(ApiKey) }),
  },
  createKey: {
    service: 'control',
    method: 'POST',
    path: '/v1/keys',
    scope: 'manage',
    summary: 'Creates an API key. The secret is in this answer and nowhere else.',
    body: NewApiKey,
    response: CreatedApiKey,
  },
  revokeKey: {
    service: 'control',
    method: 'DELETE',
    path: '/v1/keys/{id}',
    scope: 'manage',
    summary: 'Revokes an API key.',
    params: IdParams,
    response: ApiKey,
  },
  listProviders: {
    service: 'control',
    method: 'GET',
    path: '/v1/providers',
    scope: 'manage',
    summary: 'Providers, without their credentials.',
    response: z.object({ providers: z.array(ProviderSettings) }),
  },
  createProvider: {
    service: 'control',
    method: 'POST',
    path: '/v1/providers',
    scope: 'manage',
    summary: 'Adds a provider.',
    body: NewProvider,
    response: ProviderSettings,
  },
  updateProvider: {
    service: 'control',
    method: 'PATCH',
    path: '/v1/providers/{id}',
    scope: 'manage',
    summary: 'Changes a provider. A new base URL needs the credential again.',
    params: IdParams,
    body: ProviderChange,
    response: ProviderSettings,
  },
  deleteProvider: {
    service: 'control',
    method: 'DELETE',
    path: '/v1/providers/{id}',
    scope: 'manage',
    summary: 'Removes a provider that was added here.',
    params: IdParams,
    response: Done,
  },
  listAliases: {
    service: 'control',
    method: 'GET',
    path: '/v1/aliases',
    scope: 'manage',
    summary: 'Model aliases.',
    response: z.object({ aliases: z.array(ModelAlias) }),
  },
  createAlias: {
    service: 'control',
    method: 'POST',
    path: '/v1/aliases',
    scope: 'manage',
    summary: 'Adds a model alias.',
    body: NewModelAlias,
    response: ModelAlias,
  },
  deleteAlias: {
    service: 'control',
    method: 'DELETE',
    path: '/v1/aliases/{id}',
    scope: 'manage',
    summary: 'Removes a model alias.',
    params: IdParams,
    response: Done,
  },
  listProjects: {
    service: 'control',
    method: 'GET',
    path: '/v1/projects',
    scope: 'manage',
    summary: 'Projects of the organization.',
    response: z.object({ projects: z.array(Project) }),
  },
  createProject: {
    service: 'control',
    method: 'POST',
    path: '/v1/projects',
    scope: 'manage',
    summary: 'Adds a project.',
    body: NewProject,
    response: Project,
  },
  updateProject: {
    service: 'control',
    method: 'PATCH',
    path: '/v1/projects/{id}',
    scope: 'manage',
    summary: 'Changes a project.',
    params: IdParams,
    body: ProjectChange,
    response: Project,
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
