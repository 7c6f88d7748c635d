import { bigint, boolean, integer, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import type {
  ApiKeyRecord,
  KeyLimits,
  KeyMaker,
  PriceListRecord,
  ProjectRecord,
  ProviderRecord,
  Retention,
  RouteSettings,
} from '@loom/trace-schema';

// Columns are named as in the migrations; the order of a list is that of creation.
const version = bigint({ mode: 'number' }).notNull();
const createdAt = timestamp('created_at', { withTimezone: true }).notNull().defaultNow();

export const controlState = pgTable('control_state', {
  one: boolean().primaryKey(),
  version,
  publishedVersion: bigint('published_version', { mode: 'number' }).notNull(),
});

export const organizations = pgTable('organizations', {
  id: text().primaryKey(),
  name: text().notNull(),
  createdAt,
});

export const projects = pgTable('projects', {
  id: text().primaryKey(),
  organizationId: text('organization_id').notNull(),
  name: text().notNull(),
  capture: text().$type<ProjectRecord['capture']>().notNull(),
  content: text().$type<ProjectRecord['content']>().notNull(),
  cacheTtlMs: bigint('cache_ttl_ms', { mode: 'number' }),
  retention: jsonb().$type<Retention>(),
  version,
  createdAt,
});

export const apiKeys = pgTable('api_keys', {
  id: text().primaryKey(),
  organizationId: text('organization_id').notNull(),
  projectId: text('project_id').notNull(),
  name: text().notNull(),
  scopes: text().array().$type<ApiKeyRecord['scopes']>().notNull(),
  secretHash: text('secret_hash').notNull(),
  pepperVersion: integer('pepper_version').notNull(),
  expiresAtMs: bigint('expires_at_ms', { mode: 'number' }),
  revokedAtMs: bigint('revoked_at_ms', { mode: 'number' }),
  createdAtMs: bigint('created_at_ms', { mode: 'number' }).notNull(),
  limits: jsonb().$type<KeyLimits>(),
  createdBy: jsonb('created_by').$type<KeyMaker>(),
  ownerId: text('owner_id'),
  version,
  createdAt,
});

export const providers = pgTable('providers', {
  id: text().primaryKey(),
  organizationId: text('organization_id'),
  name: text().notNull(),
  kind: text().notNull(),
  baseUrl: text('base_url').notNull(),
  sealedCredential: text('sealed_credential'),
  origin: text().$type<ProviderRecord['origin']>().notNull(),
  enabled: boolean().notNull(),
  models: text().array().notNull(),
  options: jsonb().$type<Record<string, string>>(),
  version,
  createdAt,
});

export const aliases = pgTable('aliases', {
  id: text().primaryKey(),
  projectId: text('project_id').notNull(),
  alias: text().notNull(),
  provider: text().notNull(),
  model: text().notNull(),
  route: jsonb().$type<RouteSettings>(),
  version,
  createdAt,
});

export const priceLists = pgTable('price_lists', {
  id: text().primaryKey(),
  bookVersion: text('book_version').notNull(),
  provider: text().notNull(),
  organizationId: text('organization_id'),
  entries: jsonb().$type<PriceListRecord['entries']>().notNull(),
  version,
  createdAt,
});

export const controlOutbox = pgTable('control_outbox', {
  version: bigint({ mode: 'number' }).primaryKey(),
  entity: text().notNull(),
  entityId: text('entity_id').notNull(),
  value: jsonb(),
});

/** A row as the record that it keeps. */
export function withoutVersion<Row extends { version: number; createdAt: Date }>(
  row: Row,
): Omit<Row, 'version' | 'createdAt'> {
  const { version: _, createdAt: __, ...record } = row;
  return record;
}
