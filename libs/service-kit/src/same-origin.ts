import { LoomError } from '@loom/errors';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * Lets a change pass that a page of this very host has sent: `Origin` names the host that was asked (as the proxy
 * before this service says it, else `Host`), the browser calls it same-origin, and a body is JSON, which no form of
 * another site can send. Throws `permission_denied` that says what is wrong.
 */
export function checkSameOrigin(headers: IncomingHttpHeaders): void {
  const host = headers['x-forwarded-host'] ?? headers.host ?? '';
  const { origin } = headers;
  if (origin === undefined) throw refusal('the header origin is missing');
  const from = URL.canParse(origin) ? new URL(origin).host : '';
  if (from === '' || from !== withoutDefaultPort(String(host), origin))
    throw refusal(`origin ${origin.slice(0, 200)} is not this host`);
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') throw refusal(`sec-fetch-site is not same-origin`);
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (hasBody && !/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    throw refusal('the body is not application/json');
}

// A browser leaves the scheme's own port out of Origin; a proxy may leave it in the host.
function withoutDefaultPort(host: string, origin: string): string {
  const scheme = origin.startsWith('https:') ? 'https' : 'http';
  return URL.canParse(`${scheme}://${host}`) ? new URL(`${scheme}://${host}`).host : '';
}

function refusal(why: string): LoomError {
  return new LoomError(
    'permission_denied',
    `a change by a console session must come from the console: ${why}`,
  );
}
