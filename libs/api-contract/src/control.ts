import {
  CaptureMode,
  KeyLimits,
  KeyMaker,
  KeyScope,
  Retention,
  RouteSettings,
  TieredPrice,
} from '@loom/trace-schema';
import * as z from 'zod';

const name = z.string().trim().min(1).max(100);
const timestamp = z.iso.datetime();

export const ApiKey = z.object({
  id: z.string(),
  projectId: z.string(),
  name: z.string(),
  scopes: z.array(KeyScope),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
  limits: KeyLimits,
  /** Who made it, by the name at the time; null when that is not known. */
  createdBy: KeyMaker.nullable().default(null),
  /** The person who answers for it: when they are removed it ends, or is handed over. Null: the deployment. */
  ownerId: z.string().nullable().default(null),
});
export type ApiKey = z.infer<typeof ApiKey>;

export const NewApiKey = z.strictObject({
  name,
  /** Default: the project of the key that asks. */
  projectId: z.string().max(64).optional(),
  scopes: z.array(KeyScope).min(1).max(4).default(['call']),
  expiresAt: timestamp.nullable().default(null),
  /** Those that are left out do not limit. */
  limits: KeyLimits.partial().default({}),
});

/** What is left out stays. `expiresAt: null` removes the expiry, a null limit removes that limit. */
export const ApiKeyChange = z
  .strictObject({
    name: name.optional(),
    expiresAt: timestamp.nullable().optional(),
    limits: KeyLimits.partial().optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    error: 'nothing to change; set name, expiresAt or limits',
  });

/** The only answer that ever holds the secret. */
export const CreatedApiKey = z.object({ key: ApiKey, secret: z.string() });

export const ProviderSettings = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.string(),
  baseUrl: z.string(),
  /** Whether a credential is stored; the credential itself is never given out. */
  hasCredential: z.boolean(),
  origin: z.enum(['environment', 'console']),
  enabled: z.boolean(),
  models: z.array(z.string()),
  /**
   * Settings of the kind: `apiVersion` of Azure OpenAI, `region` of Bedrock. `callerOrganization: pass` sends on the
   * caller's `openai-organization` and `openai-project`, which are left out otherwise.
   */
  options: z.record(z.string(), z.string()),
});
export type ProviderSettings = z.infer<typeof ProviderSettings>;

const models = z.array(z.string().min(1).max(200)).max(200);
const baseUrl = z.string().min(1).max(2000);
/** Several keys, one a line, are used in turn. */
const credential = z.string().min(1).max(16_000).nullable();
const options = z
  .record(z.string().regex(/^[a-zA-Z]{1,40}$/), z.string().min(1).max(200))
  .refine(({ callerOrganization }) => callerOrganization === undefined || callerOrganization === 'pass', {
    error: 'the one value is pass: callers choose by openai-organization and openai-project',
    path: ['callerOrganization'],
  });

export const NewProvider = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes, at most 63'),
  kind: z.string().min(1).max(63),
  baseUrl,
  credential: credential.default(null),
  enabled: z.boolean().default(true),
  models: models.default([]),
  options: options.default({}),
});

/** A new `baseUrl` needs `credential` in the same change: a stored one never goes to another address. */
export const ProviderChange = z.strictObject({
  baseUrl: baseUrl.optional(),
  credential: credential.optional(),
  enabled: z.boolean().optional(),
  models: models.optional(),
  options: options.optional(),
});

export const ModelAlias = z.object({
  id: z.string(),
  projectId: z.string(),
  alias: z.string(),
  provider: z.string(),
  model: z.string(),
  /** The ways beside this target: balanced targets, fallbacks, retries, timeouts. Null: none. */
  route: RouteSettings.nullable(),
});
export type ModelAlias = z.infer<typeof ModelAlias>;

export const NewModelAlias = z.strictObject({
  alias: z.string().trim().min(1).max(200),
  provider: z.string().min(1).max(63),
  model: z.string().min(1).max(200),
  projectId: z.string().max(64).optional(),
  route: RouteSettings.nullable().default(null),
});

export const ModelAliasChange = z.strictObject({
  provider: z.string().min(1).max(63).optional(),
  model: z.string().min(1).max(200).optional(),
  route: RouteSettings.nullable().optional(),
});

export const Project = z.object({
  id: z.string(),
  name: z.string(),
  capture: CaptureMode,
  content: z.enum(['searchable', 'sealed']),
  /** Answers of equal requests are given again for this long; null: only where a request asks for it. */
  cacheTtlSeconds: z.number().positive().nullable(),
  /** How long its record is kept; null: for ever. */
  retention: Retention.nullable(),
});
export type Project = z.infer<typeof Project>;

const ContentMode = z.enum(['searchable', 'sealed']);
const retention = Retention.refine(
  ({ contentDays, metadataDays }) =>
    metadataDays === null || (contentDays !== null && contentDays <= metadataDays),
  { error: 'content is not kept longer than metadata', path: ['metadataDays'] },
);

export const NewProject = z.strictObject({
  name,
  capture: CaptureMode.default('strict'),
  content: ContentMode.default('searchable'),
});
/** `content` holds for calls from then on. */
export const ProjectChange = z.strictObject({
  name: name.optional(),
  capture: CaptureMode.optional(),
  content: ContentMode.optional(),
  retention: retention.nullable().optional(),
  cacheTtlSeconds: z.int().min(1).max(2_592_000).nullable().optional(),
});

/** What a test of a provider's address and credential found: its list of models was asked for. */
export const ProviderTest = z.object({
  ok: z.boolean(),
  /** HTTP status of the provider; null when it could not be reached. */
  status: z.int().nullable(),
  durationMs: z.number().nonnegative(),
  /** Models that it names, at most 200. */
  models: z.array(z.string()),
  message: z.string(),
});

/** One price of one model. The newest one in force at a call's start applies; an override before the book. */
export const Price = z.object({
  /** Of an override; null for the book's. */
  id: z.string().nullable(),
  provider: z.string(),
  model: z.string(),
  /** First day in force, `YYYY-MM-DD`; null: always. */
  from: z.string().nullable(),
  serviceTier: z.string(),
  /** False when a newer price of the same model and tier is in force today, or this one is not yet. */
  inForce: z.boolean(),
  /** US dollars per million tokens by bucket. */
  prices: z.record(z.string(), TieredPrice),
});
export type Price = z.infer<typeof Price>;

const perMillion = z.string().regex(/^\d{1,9}(\.\d{1,12})?$/, 'US dollars per million tokens such as 2.50');

/** An organization's own price of one model, exact name, from a day on. */
export const NewPrice = z.strictObject({
  provider: z.string().min(1).max(63),
  model: z.string().trim().min(1).max(200),
  from: z.iso.date(),
  inputPerMillionUsd: perMillion,
  outputPerMillionUsd: perMillion,
  cacheReadPerMillionUsd: perMillion.nullable().default(null),
  cacheWritePerMillionUsd: perMillion.nullable().default(null),
  /**
   * Prices of further buckets and kinds of use, by the names in `cost.missing`: `{ "cacheWrite1h": "6", "webSearches":
   * "10000" }`.
   */
  furtherPerMillionUsd: z
    .record(
      z.string().regex(/^[a-z][A-Za-z0-9]{0,39}$/, 'a name of `cost.missing` such as webSearches'),
      perMillion,
    )
    .refine((prices) => Object.keys(prices).length <= 32, 'at most 32 prices')
    .default({}),
});

/** The erasure of all calls of an end user that began before a moment shortly after it was asked for. */
export const Erasure = z.object({
  id: z.string(),
  projectId: z.string(),
  /**
   * `keys_gone`: commitments cannot be opened any more, sealed content cannot be read. `rows_gone`: the trace store has
   * nothing of what had come by then; what calls leave that end later goes when they have ended. `complete`: nor has the
   * stream, nor what rows were rewritten from.
   */
  state: z.enum(['requested', 'keys_gone', 'rows_gone', 'complete']),
  /** Spans and payloads that were found. */
  spans: z.int(),
  payloads: z.int(),
  requestedAt: z.iso.datetime(),
  /** Calls that began before it are erased, those after it are kept: the end of a minute, known when the keys are gone. */
  before: z.iso.datetime().nullable(),
  keysGoneAt: z.iso.datetime().nullable(),
  rowsGoneAt: z.iso.datetime().nullable(),
  completeAt: z.iso.datetime().nullable(),
});
export type Erasure = z.infer<typeof Erasure>;

export const NewErasure = z.strictObject({
  /** As calls named them in `x-loom-user-id` or `user`. */
  userId: z.string().min(1).max(512),
  projectId: z.string().max(64).optional(),
});

/** What would go. */
export const ErasurePreview = z.object({ spans: z.int(), payloads: z.int() });
