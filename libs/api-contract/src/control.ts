import { CaptureMode, KeyScope } from '@loom/trace-schema';
import { z } from 'zod';

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
});
export type ApiKey = z.infer<typeof ApiKey>;

export const NewApiKey = z.strictObject({
  name,
  /** Default: the project of the key that asks. */
  projectId: z.string().max(64).optional(),
  scopes: z.array(KeyScope).min(1).max(3).default(['call']),
  expiresAt: timestamp.nullable().default(null),
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
});
export type ProviderSettings = z.infer<typeof ProviderSettings>;

const models = z.array(z.string().min(1).max(200)).max(200);
const baseUrl = z.string().min(1).max(2000);
const credential = z.string().min(1).max(4000).nullable();

export const NewProvider = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes, at most 63'),
  kind: z.string().min(1).max(63),
  baseUrl,
  credential: credential.default(null),
  enabled: z.boolean().default(true),
  models: models.default([]),
});

/** A new `baseUrl` needs `credential` in the same change: a stored one never goes to another address. */
export const ProviderChange = z.strictObject({
  baseUrl: baseUrl.optional(),
  credential: credential.optional(),
  enabled: z.boolean().optional(),
  models: models.optional(),
});

export const ModelAlias = z.object({
  id: z.string(),
  projectId: z.string(),
  alias: z.string(),
  provider: z.string(),
  model: z.string(),
});
export type ModelAlias = z.infer<typeof ModelAlias>;

export const NewModelAlias = z.strictObject({
  alias: z.string().trim().min(1).max(200),
  provider: z.string().min(1).max(63),
  model: z.string().min(1).max(200),
  projectId: z.string().max(64).optional(),
});

export const Project = z.object({
  id: z.string(),
  name: z.string(),
  capture: CaptureMode,
  content: z.enum(['searchable', 'sealed']),
});
export type Project = z.infer<typeof Project>;

export const NewProject = z.strictObject({ name, capture: CaptureMode.default('strict') });
export const ProjectChange = z.strictObject({ name: name.optional(), capture: CaptureMode.optional() });
