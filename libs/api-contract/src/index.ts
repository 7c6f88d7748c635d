export {
  Ledger,
  LedgerCheck,
  LedgerCheckJob,
  LedgerCheckpoint,
  LedgerLeaf,
  LedgerLeafList,
  LedgerLog,
  LedgerReceipt,
  ProvenLeaf,
} from './ledger.ts';
export { createLoomClient } from './client.ts';
export {
  ApiKey,
  ApiKeyChange,
  CreatedApiKey,
  ModelAlias,
  ModelAliasChange,
  NewApiKey,
  NewModelAlias,
  NewPrice,
  NewProject,
  NewProvider,
  Price,
  Project,
  ProjectChange,
  ProviderChange,
  ProviderSettings,
  ProviderTest,
  Erasure,
  ErasurePreview,
  NewErasure,
} from './control.ts';
export { ErrorBody } from './error-body.ts';
export { DeadLetter, DeadLetterDetail, DeploymentInfo, Freshness, HealthReport } from './health.ts';
export {
  AuditEntry,
  AuditList,
  CreatedInvitation,
  Invitation,
  InvitationAcceptance,
  InvitationOffer,
  Me,
  Member,
  MemberChange,
  NewInvitation,
  NewOrganization,
  NewSavedView,
  Organization,
  OrganizationChange,
  Password,
  PasswordChange,
  SavedView,
  SignIn,
} from './identity.ts';
export { LiveEvent } from './live.ts';
export {
  Facets,
  Matches,
  MetricsGroupBy,
  MetricsOverview,
  MetricsSeries,
  MetricsSummary,
  SessionList,
  UserList,
} from './metrics.ts';
export { openApiDocument } from './open-api.ts';
export { type Permission, permissions, rolePermissions, roles, scopePermissions } from './permissions.ts';
export { createPlainClient, type LoomClient, type LoomClientOptions, projectHeader } from './plain-client.ts';
export { Role } from './role.ts';
export { isIsoTime, type Route, type RouteName, type RouteScope, routes } from './routes.ts';
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
  TraceOutline,
  TraceSummary,
} from './trace.ts';
