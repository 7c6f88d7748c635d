import { LoomError } from '@loom/errors';
import type { IncomingHttpHeaders } from 'node:http';
import { hostCookie, readHostCookie } from './host-cookie.ts';

const name = 'loom_session';

/** The session's token, or null. Two of them are no credential. */
export function readSessionCookie(headers: IncomingHttpHeaders): string | null {
  const [value, second] = readHostCookie(headers, name);
  if (second !== undefined) throw new LoomError('unauthenticated', 'two session cookies; sign in again');
  return value || null;
}

/** The `set-cookie` that gives a session to the browser. */
export function sessionCookie(headers: IncomingHttpHeaders, token: string, maxAgeSeconds: number): string {
  return hostCookie(headers, { name, value: token, maxAgeSeconds });
}

/** The `set-cookie` that takes the session from the browser. */
export function clearedSessionCookie(headers: IncomingHttpHeaders): string {
  return sessionCookie(headers, '', 0);
}
