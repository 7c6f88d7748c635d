import { bigint, boolean, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import type { Actor, AuditRecord, MemberRole } from '../../identity-store.ts';

// Columns are named as in the migrations; keys of users, accounts, sessions and verifications are better-auth's.
const instant = (name: string) => timestamp(name, { withTimezone: true });
const createdAt = instant('created_at').notNull().defaultNow();
const updatedAt = instant('updated_at').notNull().defaultNow();

export const users = pgTable('users', {
  id: text().primaryKey(),
  name: text().notNull(),
  email: text().notNull(),
  emailVerified: boolean('email_verified').notNull().default(false),
  image: text(),
  isOperator: boolean('is_operator').notNull().default(false),
  createdAt,
  updatedAt,
});

export const accounts = pgTable('accounts', {
  id: text().primaryKey(),
  userId: text('user_id').notNull(),
  accountId: text('account_id').notNull(),
  providerId: text('provider_id').notNull(),
  accessToken: text('access_token'),
  refreshToken: text('refresh_token'),
  idToken: text('id_token'),
  accessTokenExpiresAt: instant('access_token_expires_at'),
  refreshTokenExpiresAt: instant('refresh_token_expires_at'),
  scope: text(),
  password: text(),
  createdAt,
  updatedAt,
});

export const sessions = pgTable('sessions', {
  id: text().primaryKey(),
  userId: text('user_id').notNull(),
  token: text().notNull(),
  expiresAt: instant('expires_at').notNull(),
  ipAddress: text('ip_address'),
  userAgent: text('user_agent'),
  createdAt,
  updatedAt,
});

export const verifications = pgTable('verifications', {
  id: text().primaryKey(),
  identifier: text().notNull(),
  value: text().notNull(),
  expiresAt: instant('expires_at').notNull(),
  createdAt,
  updatedAt,
});

export const members = pgTable('members', {
  organizationId: text('organization_id').notNull(),
  userId: text('user_id').notNull(),
  role: text().$type<MemberRole>().notNull(),
  joinedAt: instant('joined_at').notNull().defaultNow(),
});

export const invitations = pgTable('invitations', {
  id: text().primaryKey(),
  organizationId: text('organization_id').notNull(),
  role: text().$type<MemberRole>().notNull(),
  email: text(),
  tokenHash: text('token_hash').notNull(),
  invitedBy: text('invited_by').notNull(),
  inviterId: text('inviter_id'),
  expiresAt: instant('expires_at').notNull(),
  acceptedAt: instant('accepted_at'),
  createdAt,
});

export const savedViews = pgTable('saved_views', {
  id: text().primaryKey(),
  projectId: text('project_id').notNull(),
  name: text().notNull(),
  search: text().notNull(),
  createdBy: text('created_by').notNull(),
  createdAt,
});

export const auditEntries = pgTable('audit_entries', {
  seq: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  id: text().notNull(),
  occurredAt: instant('occurred_at').notNull().defaultNow(),
  organizationId: text('organization_id'),
  projectId: text('project_id'),
  actorType: text('actor_type').$type<Actor['type']>().notNull(),
  actorId: text('actor_id').notNull(),
  actorName: text('actor_name').notNull(),
  action: text().notNull(),
  resourceType: text('resource_type').notNull(),
  resourceId: text('resource_id').notNull(),
  resourceName: text('resource_name').notNull(),
  before: jsonb().$type<AuditRecord['before']>(),
  after: jsonb().$type<AuditRecord['after']>(),
});
