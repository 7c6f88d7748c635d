export { createLoomClient, type LoomClient, type LoomClientOptions } from './client.ts';
export {
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
export { ErrorBody } from './error-body.ts';
export { LiveEvent } from './live.ts';
export { Facets, MetricsGroupBy, MetricsSeries } from './metrics.ts';
export { openApiDocument } from './open-api.ts';
export { type Route, type RouteName, routes } from './routes.ts';
export { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';
export {
  CallInFlight,
  ContentState,
  Cost,
  Span,
  SpanChunks,
  SpanUsage,
  TraceDetail,
  TraceList,
  TraceSummary,
} from './trace.ts';
