import { traceOrders, traceSorts } from '@loom/trace-schema';
import * as z from 'zod';
import {
  ApiKey,
  ApiKeyChange,
  CreatedApiKey,
  Erasure,
  ErasurePreview,
  ModelAlias,
  ModelAliasChange,
  NewApiKey,
  NewErasure,
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
} from './control.ts';
import { DeadLetter, DeadLetterDetail, DeploymentInfo, Freshness, HealthReport } from './health.ts';
import { type Endpoint, endpoints } from './endpoints.ts';
import {
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
  PasswordChange,
  SavedView,
  SignIn,
} from './identity.ts';
import {
  Facets,
  Matches,
  MetricsGroupBy,
  MetricsOverview,
  MetricsSeries,
  MetricsSummary,
  SessionList,
  UserList,
} from './metrics.ts';
import { Ledger, LedgerCheck, LedgerCheckJob, LedgerLeafList, LedgerReceipt } from './ledger.ts';
import type { Permission } from './permissions.ts';
import { CallInFlight, Span, SpanChunks, TraceDetail, TraceList, TraceOutline } from './trace.ts';

/**
 * Whose things a route is about; the permission guard enforces it.
 * - `deployment`: no organization's, or the person's own.
 * - `organization`: what the projects of the caller's organization share.
 * - `project`: what belongs to a project. The project is the caller's (a session names it in a header), or the one that
 *   the request names in `projectIn`. Only a caller with `projects:all` may name another project of the organization,
 *   and finds things of another project by their id.
 */
export type RouteScope =
  | 'deployment'
  | 'organization'
  | 'project'
  | { readonly projectIn: 'params.id' | 'query.projectId' | 'body.projectId' };

export interface Route extends Endpoint {
  /**
   * What the caller must be allowed to do. `public`: nobody is asked. `person`: anyone with a console session, no key.
   * `operator`: the session of one who runs the deployment, no key.
   */
  readonly permission: Permission | 'public' | 'person' | 'operator';
  readonly scope: RouteScope;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Of the success answer: JSON of this schema, or another media type. */
  readonly response: z.ZodType | { readonly mediaType: string };
}

/** A time of ISO 8601, of a day that there is: `Date.parse` takes 30 February for 2 March. */
export function isIsoTime(text: string): boolean {
  const [, day] = /^(\d{4}-\d\d-\d\d)(?:[T ]\d|$)/.exec(text) ?? [];
  return z.iso.date().safeParse(day).success && !Number.isNaN(Date.parse(text));
}

/** ISO 8601 or unix milliseconds. */
const TimeText = z
  .string()
  .max(40)
  .refine((text) => /^\d{1,14}$/.test(text) || isIsoTime(text), {
    error: 'expected a time such as 2026-11-22T10:00:00Z or unix milliseconds',
  });
const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const Range = { from: TimeText.optional(), to: TimeText.optional() };
const Paging = { cursor: z.string().max(1000).optional() };
const TraceParams = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hex digits'),
});
const SpanParams = z.object({
  spanId: z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hex digits'),
});
/** Of what is looked up as it is: a store may refuse a control character, NUL above all, in its own words. */
const LookedUp = z
  .string()
  .min(1)
  .refine((text) => !/\p{Cc}/u.test(text), { error: 'expected no control characters' });
const IdParams = z.object({ id: LookedUp.max(200) });
const TokenParams = z.object({ token: LookedUp.max(200) });
const Zone = {
  /** IANA name: buckets of days begin at its midnight. */
  timeZone: z.string().min(1).max(64).default('UTC'),
};
const SearchText = z.string().trim().max(200).optional();
const Done = z.object({ ok: z.literal(true) });

/** Every route of query and control: what they serve, what the client calls, what OpenAPI says. */
export const routes = {
  listTraces: {
    ...endpoints.listTraces,
    permission: 'traces:read',
    scope: 'project',
    summary:
      'Traces, newest first or sorted. `filter` as in `model:gpt-4o-mini status:error cost:>0.01 -env:dev`.',
    query: z.object({
      ...Range,
      ...Paging,
      filter: z.string().max(2000).optional(),
      /** Traces that lack what they are sorted by come last in both orders. */
      sort: z.enum(traceSorts).default('time'),
      order: z.enum(traceOrders).default('desc'),
      limit: wholeNumber(1, 200).default(50),
    }),
    response: TraceList,
  },
  getTrace: {
    ...endpoints.getTrace,
    permission: 'traces:read',
    scope: 'project',
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
    ...endpoints.getSpan,
    permission: 'traces:read',
    scope: 'project',
    summary: 'One span with its request and answer.',
    params: SpanParams,
    query: z.object({
      /** `inline` leaves out a body over 4 MiB; `whole` has bodies of up to 64 MiB. */
      content: z.enum(['inline', 'whole']).default('inline'),
    }),
    response: Span,
  },
  getSpanChunks: {
    ...endpoints.getSpanChunks,
    permission: 'traces:read',
    scope: 'project',
    summary: 'The answer of a span chunk by chunk, with the time of each.',
    params: SpanParams,
    response: SpanChunks,
  },
  getSpanRaw: {
    ...endpoints.getSpanRaw,
    permission: 'traces:read',
    scope: 'project',
    summary: 'The recorded bytes of the request or the answer, exactly.',
    params: SpanParams,
    query: z.object({ part: z.enum(['request', 'response']) }),
    response: { mediaType: endpoints.getSpanRaw.mediaType },
  },
  listCallsInFlight: {
    ...endpoints.listCallsInFlight,
    permission: 'traces:read',
    scope: 'project',
    summary: 'Calls that were accepted in the range (default: the last hour) and have not ended.',
    query: z.object({ ...Range, limit: wholeNumber(1, 200).default(50) }),
    response: z.object({ calls: z.array(CallInFlight) }),
  },
  getMetricsSeries: {
    ...endpoints.getMetricsSeries,
    permission: 'traces:read',
    scope: 'project',
    summary: 'Requests, errors, tokens, cost and latency over time (default: the last 24 hours by the hour).',
    query: z.object({
      ...Range,
      bucketSeconds: wholeNumber(1, 86_400 * 31).default(3600),
      ...Zone,
      groupBy: MetricsGroupBy.default('none'),
    }),
    response: MetricsSeries,
  },
  getMatches: {
    ...endpoints.getMatches,
    permission: 'traces:read',
    scope: 'project',
    summary: 'Counts, sums and a histogram of the spans of a range (default: a day) that match a filter.',
    query: z.object({
      ...Range,
      filter: z.string().max(2000).optional(),
      bucketSeconds: wholeNumber(1, 31 * 86_400).default(3600),
    }),
    response: Matches,
  },
  getFacets: {
    ...endpoints.getFacets,
    permission: 'traces:read',
    scope: 'project',
    summary:
      'The most frequent values of attributes among the spans of a range (default: 7 days) that match a filter.',
    query: z.object({
      ...Range,
      filter: z.string().max(2000).optional(),
      /** Comma-separated: `model,provider,metadata.region`. */
      attributes: z.string().min(1).max(1000).default('model,provider,outcome,key'),
      limit: wholeNumber(1, 200).default(20),
    }),
    response: Facets,
  },
  live: {
    ...endpoints.live,
    permission: 'traces:read',
    scope: 'project',
    summary: 'Server-sent events of the calls of the project, as they happen.',
    response: { mediaType: endpoints.live.mediaType },
  },
  getTraceOutline: {
    ...endpoints.getTraceOutline,
    permission: 'traces:read',
    scope: 'project',
    summary: 'All spans of a trace in short.',
    params: TraceParams,
    response: TraceOutline,
  },
  getMetricsSummary: {
    ...endpoints.getMetricsSummary,
    permission: 'traces:read',
    scope: 'project',
    summary: 'The same as the series over the whole range (default: the last 24 hours), by group.',
    query: z.object({
      ...Range,
      groupBy: MetricsGroupBy.default('none'),
      limit: wholeNumber(1, 200).default(50),
    }),
    response: MetricsSummary,
  },
  getMetricsOverview: {
    ...endpoints.getMetricsOverview,
    permission: 'traces:read',
    scope: 'project',
    summary: 'Series and summary in one, beside the time before (default: the last 24 hours by the hour).',
    query: z.object({
      ...Range,
      bucketSeconds: wholeNumber(1, 86_400 * 31).default(3600),
      ...Zone,
      groupBy: MetricsGroupBy.default('none'),
      groupsMax: wholeNumber(1, 50).default(10),
      limit: wholeNumber(1, 200).default(50),
    }),
    response: MetricsOverview,
  },
  listSessions: {
    ...endpoints.listSessions,
    permission: 'traces:read',
    scope: 'project',
    summary: 'Conversations by their last call in the range (default: the last 7 days), newest first.',
    query: z.object({ ...Range, ...Paging, search: SearchText, limit: wholeNumber(1, 200).default(50) }),
    response: SessionList,
  },
  listUsers: {
    ...endpoints.listUsers,
    permission: 'traces:read',
    scope: 'project',
    summary: 'End users by their last call in the range (default: the last 7 days), newest first.',
    query: z.object({ ...Range, ...Paging, search: SearchText, limit: wholeNumber(1, 200).default(50) }),
    response: UserList,
  },
  getFreshness: {
    ...endpoints.getFreshness,
    permission: 'traces:read',
    scope: 'project',
    summary: 'How far the queryable record is behind the stream.',
    response: Freshness,
  },
  getLedger: {
    ...endpoints.getLedger,
    permission: 'traces:read',
    scope: 'project',
    summary: 'The logs of the project and of the deployment: heads, gaps, losses, witnesses, verifier keys.',
    response: Ledger,
  },
  listLedgerLeaves: {
    ...endpoints.listLedgerLeaves,
    permission: 'traces:read',
    scope: 'project',
    summary:
      'Leaves of rare kinds, newest first: gaps, losses, records set aside, erasures; `control.changed` needs audit:read.',
    query: z.object({
      /** Comma-separated: `capture.gap,payload.erased`. */
      kinds: LookedUp.max(500),
      limit: wholeNumber(1, 200).default(50),
    }),
    response: LedgerLeafList,
  },
  getReceipt: {
    ...endpoints.getReceipt,
    permission: 'traces:read',
    scope: 'project',
    summary: 'The leaves of a call (by the call id of its receipt) with inclusion proofs.',
    params: IdParams,
    response: LedgerReceipt,
  },
  checkLedger: {
    ...endpoints.checkLedger,
    permission: 'traces:read',
    scope: 'project',
    summary:
      'Derives every root again from what is stored, and compares log and trace store (`loom fsck`). `deep` takes minutes and the permission record:check; `POST /v1/ledger/checks` runs it with progress.',
    query: z.object({ deep: z.stringbool().default(false) }),
    response: LedgerCheck,
  },
  startLedgerCheck: {
    ...endpoints.startLedgerCheck,
    permission: 'record:check',
    scope: 'project',
    summary: 'Starts a check of the record. At most one of an organization runs and one waits: else 429.',
    body: z.object({ deep: z.boolean().default(false) }),
    response: LedgerCheckJob,
  },
  getLedgerCheck: {
    ...endpoints.getLedgerCheck,
    permission: 'record:check',
    scope: 'project',
    summary: 'A check that was started: its progress, and what it found.',
    params: IdParams,
    response: LedgerCheckJob,
  },
  cancelLedgerCheck: {
    ...endpoints.cancelLedgerCheck,
    permission: 'record:check',
    scope: 'project',
    summary: 'Cancels a check that was started.',
    params: IdParams,
    response: LedgerCheckJob,
  },
  getCheckpoint: {
    ...endpoints.getCheckpoint,
    permission: 'traces:read',
    scope: 'project',
    summary: 'The newest signed head of a log, as C2SP tlog-checkpoint with the cosignatures of witnesses.',
    query: z.object({ log: z.enum(['project', 'system']).default('project') }),
    response: { mediaType: endpoints.getCheckpoint.mediaType },
  },
  exportBundle: {
    ...endpoints.exportBundle,
    permission: 'traces:read',
    scope: 'project',
    summary:
      "All leaves and payloads of a time range with proofs, and the project's control changes, as one signed file (ADR 0016).",
    query: z.object({
      from: TimeText,
      to: TimeText.optional(),
      /** As in a list of traces: of other calls the bundle has the leaves and opens nothing. */
      filter: z.string().min(1).max(2000).optional(),
    }),
    response: { mediaType: endpoints.exportBundle.mediaType },
  },
  getOpenApi: {
    ...endpoints.getOpenApi,
    permission: 'public',
    scope: 'deployment',
    summary: 'This document.',
    response: z.record(z.string(), z.unknown()),
  },
  listKeys: {
    ...endpoints.listKeys,
    permission: 'keys:read',
    scope: 'project',
    summary: 'API keys, without their secrets.',
    response: z.object({ keys: z.array(ApiKey) }),
  },
  createKey: {
    ...endpoints.createKey,
    permission: 'keys:write',
    scope: { projectIn: 'body.projectId' },
    summary: 'Creates an API key. The secret is in this answer and nowhere else.',
    body: NewApiKey,
    response: CreatedApiKey,
  },
  updateKey: {
    ...endpoints.updateKey,
    permission: 'keys:write',
    scope: 'project',
    summary: 'Changes the name, the expiry or the limits of an API key. Gateways apply them within a second.',
    params: IdParams,
    body: ApiKeyChange,
    response: ApiKey,
  },
  revokeKey: {
    ...endpoints.revokeKey,
    permission: 'keys:write',
    scope: 'project',
    summary: 'Revokes an API key.',
    params: IdParams,
    response: ApiKey,
  },
  listProviders: {
    ...endpoints.listProviders,
    permission: 'providers:read',
    scope: 'organization',
    summary: 'Providers, without their credentials.',
    response: z.object({ providers: z.array(ProviderSettings) }),
  },
  createProvider: {
    ...endpoints.createProvider,
    permission: 'providers:write',
    scope: 'organization',
    summary: 'Adds a provider.',
    body: NewProvider,
    response: ProviderSettings,
  },
  updateProvider: {
    ...endpoints.updateProvider,
    permission: 'providers:write',
    scope: 'organization',
    summary: 'Changes a provider. A new base URL needs the credential again.',
    params: IdParams,
    body: ProviderChange,
    response: ProviderSettings,
  },
  deleteProvider: {
    ...endpoints.deleteProvider,
    permission: 'providers:write',
    scope: 'organization',
    summary: 'Removes a provider that was added here.',
    params: IdParams,
    response: Done,
  },
  listAliases: {
    ...endpoints.listAliases,
    permission: 'aliases:read',
    scope: 'project',
    summary: 'Model aliases.',
    response: z.object({ aliases: z.array(ModelAlias) }),
  },
  createAlias: {
    ...endpoints.createAlias,
    permission: 'aliases:write',
    scope: { projectIn: 'body.projectId' },
    summary: 'Adds a model alias.',
    body: NewModelAlias,
    response: ModelAlias,
  },
  updateAlias: {
    ...endpoints.updateAlias,
    permission: 'aliases:write',
    scope: 'project',
    summary: 'Changes where a model alias leads, and its route.',
    params: IdParams,
    body: ModelAliasChange,
    response: ModelAlias,
  },
  deleteAlias: {
    ...endpoints.deleteAlias,
    permission: 'aliases:write',
    scope: 'project',
    summary: 'Removes a model alias.',
    params: IdParams,
    response: Done,
  },
  listProjects: {
    ...endpoints.listProjects,
    permission: 'projects:read',
    scope: 'project',
    summary: 'Projects of the organization.',
    response: z.object({ projects: z.array(Project) }),
  },
  createProject: {
    ...endpoints.createProject,
    permission: 'projects:create',
    scope: 'organization',
    summary: 'Adds a project.',
    body: NewProject,
    response: Project,
  },
  updateProject: {
    ...endpoints.updateProject,
    permission: 'projects:write',
    scope: { projectIn: 'params.id' },
    summary: 'Changes a project.',
    params: IdParams,
    body: ProjectChange,
    response: Project,
  },
  listErasures: {
    ...endpoints.listErasures,
    permission: 'projects:read',
    scope: 'project',
    summary: "Erasures of the project's end users and how far they have come, newest first.",
    response: z.object({ erasures: z.array(Erasure) }),
  },
  createErasure: {
    ...endpoints.createErasure,
    permission: 'record:erase',
    scope: { projectIn: 'body.projectId' },
    summary: 'Erases what an end user said and was answered, and who they were. Cannot be taken back.',
    body: NewErasure,
    response: Erasure,
  },
  previewErasure: {
    ...endpoints.previewErasure,
    permission: 'traces:read',
    scope: { projectIn: 'query.projectId' },
    summary: 'What an erasure of an end user would take out now.',
    query: z.object({
      userId: z.string().min(1).max(512),
      /** One whose record the caller may read; default: the caller's. */
      projectId: z.string().max(64).optional(),
    }),
    response: ErasurePreview,
  },
  previewRetention: {
    ...endpoints.previewRetention,
    permission: 'traces:read',
    scope: 'project',
    summary: 'What a retention of so many days would take out now: payloads by content, spans by metadata.',
    query: z.object({
      contentDays: wholeNumber(1, 36_500).optional(),
      metadataDays: wholeNumber(1, 36_500).optional(),
    }),
    response: ErasurePreview,
  },
  testProvider: {
    ...endpoints.testProvider,
    permission: 'providers:write',
    scope: 'organization',
    summary: 'Asks a provider for its models with the stored credential.',
    params: IdParams,
    response: ProviderTest,
  },
  listPrices: {
    ...endpoints.listPrices,
    permission: 'prices:read',
    scope: 'organization',
    summary: 'Prices, current and past: own overrides first, then the book, by provider, model and day.',
    query: z.object({
      ...Paging,
      provider: z.string().max(63).optional(),
      search: SearchText,
      limit: wholeNumber(1, 200).default(100),
    }),
    response: z.object({
      priceBookVersion: z.string(),
      providers: z.array(z.string()),
      prices: z.array(Price),
      nextCursor: z.string().nullable(),
    }),
  },
  createPrice: {
    ...endpoints.createPrice,
    permission: 'prices:write',
    scope: 'organization',
    summary:
      "Adds the organization's own price of a model from a day on. Calls that are priced already stay as they are.",
    body: NewPrice,
    response: Price,
  },
  deletePrice: {
    ...endpoints.deletePrice,
    permission: 'prices:write',
    scope: 'organization',
    summary: 'Takes back an own price.',
    params: IdParams,
    response: Done,
  },
  listViews: {
    ...endpoints.listViews,
    permission: 'traces:read',
    scope: 'project',
    summary: 'Saved views of the project.',
    response: z.object({ views: z.array(SavedView) }),
  },
  createView: {
    ...endpoints.createView,
    permission: 'views:write',
    scope: 'project',
    summary: 'Saves a view for everyone in the project.',
    body: NewSavedView,
    response: SavedView,
  },
  deleteView: {
    ...endpoints.deleteView,
    permission: 'views:write',
    scope: 'project',
    summary: 'Removes a saved view.',
    params: IdParams,
    response: Done,
  },
  signIn: {
    ...endpoints.signIn,
    permission: 'public',
    scope: 'deployment',
    summary: 'Begins a console session: a cookie is set.',
    body: SignIn,
    response: Me,
  },
  signOut: {
    ...endpoints.signOut,
    permission: 'public',
    scope: 'deployment',
    summary: 'Ends the console session at once. Without one, nothing happens.',
    response: Done,
  },
  getMe: {
    ...endpoints.getMe,
    permission: 'person',
    scope: 'deployment',
    summary: 'Who is signed in, with organizations, roles and projects.',
    response: Me,
  },
  changePassword: {
    ...endpoints.changePassword,
    permission: 'person',
    scope: 'deployment',
    summary: "Changes the password and ends the person's other sessions.",
    body: PasswordChange,
    response: Done,
  },
  createOrganization: {
    ...endpoints.createOrganization,
    permission: 'operator',
    scope: 'deployment',
    summary: 'Adds an organization with a first project; the caller is its owner.',
    body: NewOrganization,
    response: Organization,
  },
  updateOrganization: {
    ...endpoints.updateOrganization,
    permission: 'members:write',
    scope: 'organization',
    summary: 'Renames the organization.',
    body: OrganizationChange,
    response: Organization,
  },
  listMembers: {
    ...endpoints.listMembers,
    permission: 'members:read',
    scope: 'organization',
    summary: 'Members of the organization.',
    response: z.object({ members: z.array(Member) }),
  },
  updateMember: {
    ...endpoints.updateMember,
    permission: 'members:write',
    scope: 'organization',
    summary: 'Changes a role, at once. An organization keeps at least one owner.',
    params: IdParams,
    body: MemberChange,
    response: Member,
  },
  removeMember: {
    ...endpoints.removeMember,
    permission: 'members:write',
    scope: 'organization',
    summary:
      'Removes a member, at once. Their keys end with them, or the caller answers for them from then on. An organization keeps at least one owner.',
    params: IdParams,
    query: z.object({ keys: z.enum(['revoke', 'hand_over']).default('revoke') }),
    response: Done,
  },
  listInvitations: {
    ...endpoints.listInvitations,
    permission: 'members:write',
    scope: 'organization',
    summary: 'Invitations that are open or were accepted.',
    response: z.object({ invitations: z.array(Invitation) }),
  },
  createInvitation: {
    ...endpoints.createInvitation,
    permission: 'members:write',
    scope: 'organization',
    summary: 'Makes a link by which one person may join within 7 days.',
    body: NewInvitation,
    response: CreatedInvitation,
  },
  deleteInvitation: {
    ...endpoints.deleteInvitation,
    permission: 'members:write',
    scope: 'organization',
    summary: 'Takes an open invitation back.',
    params: IdParams,
    response: Done,
  },
  getInvitationOffer: {
    ...endpoints.getInvitationOffer,
    permission: 'public',
    scope: 'deployment',
    summary: 'What an invitation link offers.',
    params: TokenParams,
    response: InvitationOffer,
  },
  acceptInvitation: {
    ...endpoints.acceptInvitation,
    permission: 'public',
    scope: 'deployment',
    summary: 'Joins by an invitation link, once: as a new person, or as the one who is signed in.',
    params: TokenParams,
    body: InvitationAcceptance,
    response: Me,
  },
  listAudit: {
    ...endpoints.listAudit,
    permission: 'audit:read',
    scope: 'project',
    summary: 'Changes of what people configure in the organization, newest first.',
    query: z.object({
      ...Range,
      ...Paging,
      action: z.string().max(100).optional(),
      actor: z.string().max(200).optional(),
      limit: wholeNumber(1, 200).default(50),
    }),
    response: AuditList,
  },
  getDeployment: {
    ...endpoints.getDeployment,
    permission: 'projects:read', // whoever was removed has no business with it
    scope: 'organization',
    summary: 'Where the gateway is, and what version runs.',
    response: DeploymentInfo,
  },
  getHealth: {
    ...endpoints.getHealth,
    permission: 'operator',
    scope: 'deployment',
    summary: 'Services, lag, outbox, disks and last errors of the deployment.',
    response: HealthReport,
  },
  listDeadLetters: {
    ...endpoints.listDeadLetters,
    permission: 'operator',
    scope: 'deployment',
    summary: 'Records that consumers could not take in, newest first.',
    query: z.object({ ...Paging, limit: wholeNumber(1, 200).default(50) }),
    response: z.object({ deadLetters: z.array(DeadLetter), nextCursor: z.string().nullable() }),
  },
  getDeadLetter: {
    ...endpoints.getDeadLetter,
    permission: 'operator',
    scope: 'deployment',
    summary: 'One dead letter with its record.',
    params: IdParams,
    response: DeadLetterDetail,
  },
  replayDeadLetter: {
    ...endpoints.replayDeadLetter,
    permission: 'operator',
    scope: 'deployment',
    summary: 'Puts the record back on its topic, for the consumers to try again.',
    params: IdParams,
    response: DeadLetter,
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
