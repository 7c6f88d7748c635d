import * as z from 'zod';
import { CaptureMode } from './call-events.ts';

/**
 * What a key may do: `call` models and `read` the record of its project, `manage` its project, `administer` every
 * project of its organization and what they share.
 */
export const KeyScope = z.enum(['call', 'read', 'manage', 'administer']);
export type KeyScope = z.infer<typeof KeyScope>;

const days = z.int().min(1).max(36_500).nullable();

/** How long a project's record is kept. Leaves of its log stay: they hold no content and nothing of a person. */
export const Retention = z.strictObject({
  /** Requests, answers and what is made of them. Null: for ever. */
  contentDays: days,
  /** Spans, costs and figures by call, at least as long as the content. Null: for ever. */
  metadataDays: days,
  /** A legal hold: nothing goes, erasures wait. */
  hold: z.boolean(),
});
export type Retention = z.infer<typeof Retention>;

export const ProjectRecord = z.strictObject({
  id: z.string(),
  organizationId: z.string(),
  name: z.string(),
  capture: CaptureMode,
  /** `searchable`: content stored in the clear; `sealed`: encrypted under bucket keys, no body search. */
  content: z.enum(['searchable', 'sealed']),
  /** Answers of equal requests are given again for this long. Absent or null: only where a request asks for it. */
  cacheTtlMs: z
    .int()
    .positive()
    .max(30 * 86_400_000)
    .nullable()
    .optional(),
  /** Absent or null: everything stays for ever. */
  retention: Retention.nullable().optional(),
});
export type ProjectRecord = z.infer<typeof ProjectRecord>;

const limit = z.int().positive().max(1_000_000_000).nullable();

/** What a key may use; null: as much as it likes. Calls that the gateway refuses for it count towards none of them. */
export const KeyLimits = z.strictObject({
  /** In any minute. */
  requestsPerMinute: limit,
  /** Input and output together, in any minute: estimated before the call, put right after it. */
  tokensPerMinute: limit,
  /** Under way at once. */
  concurrentCalls: limit,
});
export type KeyLimits = z.infer<typeof KeyLimits>;

/** Who made a key, with the name at the time. `system`: the deployment, at its first start. */
export const KeyMaker = z.strictObject({
  type: z.enum(['user', 'key', 'system']),
  id: z.string(),
  name: z.string(),
});
export type KeyMaker = z.infer<typeof KeyMaker>;

export const ApiKeyRecord = z.strictObject({
  id: z.string(),
  organizationId: z.string(),
  projectId: z.string(),
  name: z.string(),
  scopes: z.array(KeyScope),
  /** Hex HMAC-SHA-256(pepper of `pepperVersion`, secret). */
  secretHash: z.string().length(64),
  pepperVersion: z.int().positive(),
  /** Unix milliseconds, or null for never. */
  expiresAtMs: z.int().nullable(),
  revokedAtMs: z.int().nullable(),
  createdAtMs: z.int(),
  /** Absent on records from before there were limits: none. */
  limits: KeyLimits.nullable().optional(),
  /** Absent or null: not known. */
  createdBy: KeyMaker.nullable().optional(),
  /** The person who answers for it, and with whom it ends. Absent or null: the deployment, or not known. */
  ownerId: z.string().nullable().optional(),
});
export type ApiKeyRecord = z.infer<typeof ApiKeyRecord>;

export const ProviderRecord = z.strictObject({
  id: z.string(),
  /** Null: for every organization (providers from the environment, the simulator). */
  organizationId: z.string().nullable(),
  /** First segment of `provider/model`. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  /** Profile of the provider's wire behaviour: `openai`, `openai-compatible`, `groq`, … */
  kind: z.string(),
  /** Without a trailing slash: `https://api.openai.com/v1`. Empty for the simulator. */
  baseUrl: z.string(),
  /** The credential, encrypted (`lk1.…`); null when the provider takes none. */
  sealedCredential: z.string().nullable(),
  origin: z.enum(['environment', 'console']),
  enabled: z.boolean(),
  /** Bare model names that this provider serves: exact, or with a trailing `*`. */
  models: z.array(z.string()),
  /** Settings of the kind: `apiVersion` (Azure OpenAI), `region` (Bedrock), `callerOrganization`. */
  options: z.record(z.string(), z.string()).nullable().optional(),
});
export type ProviderRecord = z.infer<typeof ProviderRecord>;

const timeoutMs = z.int().positive().max(3_600_000).optional();

export const RouteTarget = z.strictObject({ provider: z.string(), model: z.string() });
export type RouteTarget = z.infer<typeof RouteTarget>;

const weight = z.int().min(1).max(1000);

/** What an alias may say of the ways beside its own target. */
export const RouteSettings = z.strictObject({
  /** Of the alias's own target, among those in `balance`. */
  weight: weight.default(1),
  /** Further first targets; a call takes one of them by weight. */
  balance: z
    .array(RouteTarget.extend({ weight: weight.default(1) }))
    .max(16)
    .default([]),
  /** Tried in this order when the first target fails before its first byte. */
  fallbacks: z.array(RouteTarget).max(8).default([]),
  /** Tries of one target after its first failure, where that may help. */
  retries: z.int().min(0).max(5).default(0),
  /** Which failures lead to a fallback: `error` is every one that is not the request's own fault. */
  fallbackOn: z
    .array(z.enum(['error', 'context_window', 'content_policy']))
    .default(['error', 'context_window']),
  /** In place of the deployment's own, milliseconds: until connected, until the first piece, between two pieces, in all. */
  timeouts: z
    .strictObject({ connectMs: timeoutMs, firstChunkMs: timeoutMs, idleMs: timeoutMs, totalMs: timeoutMs })
    .default({}),
});
export type RouteSettings = z.infer<typeof RouteSettings>;

export const AliasRecord = z.strictObject({
  id: z.string(),
  projectId: z.string(),
  alias: z.string(),
  provider: z.string(),
  model: z.string(),
  /** Absent or null: the one target and nothing else. */
  route: RouteSettings.nullable().optional(),
});
export type AliasRecord = z.infer<typeof AliasRecord>;

/** Price of one token bucket: flat, or by tiers on the size of the context. USD per million tokens, decimal strings. */
export const TieredPrice = z.strictObject({
  base: z.string(),
  /** Above `start` input tokens the whole call is priced at `price`. Ascending. */
  tiers: z.array(z.strictObject({ start: z.int().positive(), price: z.string() })),
});
export type TieredPrice = z.infer<typeof TieredPrice>;

export const PriceMatch = z.strictObject({
  op: z.enum(['equals', 'starts_with', 'ends_with', 'contains', 'regex']),
  value: z.string(),
});
export type PriceMatch = z.infer<typeof PriceMatch>;

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);

/** One price of one model, valid from a day. The newest entry that is in force at the call's start applies. */
export const PriceEntry = z.strictObject({
  model: z.string(),
  /** Any of these on the model name (lower case) means this entry. */
  match: z.array(PriceMatch),
  /** First day in force (UTC, `YYYY-MM-DD`), or null for always. */
  from: z.string().nullable(),
  /** Hours of the day in force (UTC, `HH:MM`; `end` is not included, may be past midnight); absent: all day. */
  hours: z.strictObject({ start: clockTime, end: clockTime }).optional(),
  /** `default`, or the service tier that this price is for (`flex`, `priority`). */
  serviceTier: z.string(),
  /** By token bucket or kind of use; a bucket without a price of its own is priced as its parent (see libs/pricing). */
  prices: z.record(z.string(), TieredPrice),
  /**
   * What a term of the call multiplies the prices by: `{ "speed:fast": { "tokens": "2" } }`. `tokens` is for every token
   * bucket that is not named beside it; what is sold by the piece is not multiplied. Factors of several terms multiply.
   */
  factors: z.record(z.string(), z.record(z.string(), z.string())).optional(),
});
export type PriceEntry = z.infer<typeof PriceEntry>;

/** All prices of one provider kind in one version of the price book. */
export const PriceListRecord = z.strictObject({
  id: z.string(),
  /** Version of the book that this list belongs to, e.g. `genai-prices-0.1.8+2026-11-22`. */
  version: z.string(),
  provider: z.string(),
  /** Null: the deployment's book; else an organization's own overrides, which win. */
  organizationId: z.string().nullable(),
  entries: z.array(PriceEntry),
});
export type PriceListRecord = z.infer<typeof PriceListRecord>;

const change = <Entity extends string, Value extends z.ZodType>(entity: Entity, value: Value) =>
  z.strictObject({
    id: z.string(),
    type: z.literal('control.changed'),
    entity: z.literal(entity),
    entityId: z.string(),
    /** Grows with every change of the deployment; readers keep the highest per entity. */
    version: z.int().positive(),
    /** Null: the entity is gone. */
    value: value.nullable(),
  });

export const ControlChanged = z.discriminatedUnion('entity', [
  change('project', ProjectRecord),
  change('apiKey', ApiKeyRecord),
  change('provider', ProviderRecord),
  change('alias', AliasRecord),
  change('priceList', PriceListRecord),
]);
export type ControlChanged = z.infer<typeof ControlChanged>;

/** After this a reader that began at the start of the emitter knows everything up to `version`. */
export const ControlSnapshotCompleted = z.strictObject({
  id: z.string(),
  type: z.literal('control.snapshot-completed'),
  version: z.int().nonnegative(),
});

/** Every record of topic `loom.control.v1`. */
export const ControlEvent = z.union([ControlChanged, ControlSnapshotCompleted]);
export type ControlEvent = z.infer<typeof ControlEvent>;
