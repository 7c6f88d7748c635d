import { createHmac, timingSafeEqual } from 'node:crypto';
import { newUuid } from '@loom/trace-schema';
import { betterAuth } from 'better-auth/minimal';
import { drizzleAdapter } from 'better-auth/adapters/drizzle';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { accounts, sessions, users, verifications } from './identity-tables.ts';

export const sessionDays = 7;
export const sessionDaysMax = 30;
const daySeconds = 86_400;

/**
 * better-auth's core over our tables: passwords and sessions, no plugins, no HTTP of its own, no sign-up: people are
 * made by the first start and by invitations.
 */
export function openAccounts(db: NodePgDatabase, secret: string) {
  return betterAuth({
    appName: 'Loom',
    baseURL: 'http://loom.invalid', // nothing is linked to or redirected
    secret,
    database: drizzleAdapter(db, {
      provider: 'pg',
      schema: { user: users, account: accounts, session: sessions, verification: verifications },
    }),
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: 12,
      maxPasswordLength: 128,
    },
    session: {
      expiresIn: sessionDays * daySeconds,
      updateAge: daySeconds,
      cookieCache: { enabled: false },
    },
    advanced: { database: { generateId: () => newUuid() } },
    logger: { disabled: true },
    telemetry: { enabled: false },
    rateLimit: { enabled: false }, // ours counts failures by address and email
  });
}

/** Signs session tokens for the cookie: the database alone does not give what a browser must show. */
export class TokenSeal {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  sign(token: string): string {
    return `${token}.${this.#signature(token)}`;
  }

  /** The token inside, or null when the signature is not ours. */
  open(signed: string): string | null {
    const dot = signed.lastIndexOf('.');
    if (dot <= 0) return null;
    const token = signed.slice(0, dot);
    const [given, expected] = [Buffer.from(signed.slice(dot + 1)), Buffer.from(this.#signature(token))];
    return given.length === expected.length && timingSafeEqual(given, expected) ? token : null;
  }

  #signature(token: string): string {
    return createHmac('sha256', this.#secret).update(`loom session ${token}`).digest('base64url');
  }
}
