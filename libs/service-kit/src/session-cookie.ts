import { LoomError } from '@loom/errors';
import type { IncomingHttpHeaders } from 'node:http';

const plainName = 'loom_session';
const secureName = '__Host-loom_session';

/** Where a request came in: `https` as the proxy before this service says it. */
function isSecure(headers: IncomingHttpHeaders): boolean {
  return headers['x-forwarded-proto'] === 'https';
}

/** The session's token, or null. Only the name that fits the scheme counts; two of them are no credential. */
export function readSessionCookie(headers: IncomingHttpHeaders): string | null {
  const name = isSecure(headers) ? secureName : plainName;
  const values = (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  if (values.length > 1) throw new LoomError('unauthenticated', 'two session cookies; sign in again');
  return values[0] || null;
}

/** The `set-cookie` that gives a session to the browser: for this host alone, out of reach of scripts. */
export function sessionCookie(headers: IncomingHttpHeaders, token: string, maxAgeSeconds: number): string {
  const secure = isSecure(headers);
  const attributes = ['Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${maxAgeSeconds}`];
  return [`${secure ? secureName : plainName}=${token}`, ...attributes, ...(secure ? ['Secure'] : [])].join(
    '; ',
  );
}

/** The `set-cookie` that takes the session from the browser. */
export function clearedSessionCookie(headers: IncomingHttpHeaders): string {
  return sessionCookie(headers, '', 0);
}
