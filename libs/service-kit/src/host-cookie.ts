import type { IncomingHttpHeaders } from 'node:http';

/** Where a request came in: `https` as the proxy before this service says it. */
function isSecure(headers: IncomingHttpHeaders): boolean {
  return headers['x-forwarded-proto'] === 'https';
}

const nameFor = (headers: IncomingHttpHeaders, name: string) => (isSecure(headers) ? `__Host-${name}` : name);

/** The values of a cookie that was set by {@link hostCookie}. Only the name that fits the scheme counts. */
export function readHostCookie(headers: IncomingHttpHeaders, name: string): string[] {
  const prefix = `${nameFor(headers, name)}=`;
  return (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(prefix))
    .map((pair) => pair.slice(prefix.length));
}

/** A `set-cookie` for this host alone, out of reach of scripts and of other sites' requests. An age of 0 removes it. */
export function hostCookie(
  headers: IncomingHttpHeaders,
  { name, value, maxAgeSeconds }: { readonly name: string; readonly value: string; readonly maxAgeSeconds: number }, // prettier-ignore
): string {
  const attributes = ['Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${maxAgeSeconds}`];
  if (isSecure(headers)) attributes.push('Secure');
  return [`${nameFor(headers, name)}=${value}`, ...attributes].join('; ');
}
