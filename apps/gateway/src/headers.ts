import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Dialect } from '@loom/providers';

/*
 * The header allow-lists, both ways. What is not named here is not passed on: neither credentials, cookies and
 * hop-by-hop headers of the caller, nor those of the provider.
 */

/** From the caller to the provider, by the caller's dialect, besides the content type and the provider's credential. */
const toProvider = {
  openai: ['openai-beta', 'idempotency-key'],
  anthropic: ['anthropic-version', 'anthropic-beta', 'idempotency-key'],
} as const;

/**
 * They choose whose budget and data a credential works with. The credential is the operator's, and so is the choice: only
 * a provider with the option `callerOrganization` leaves it to the caller.
 */
const organizationHeaders = ['openai-organization', 'openai-project'] as const;

/** From the provider to the caller: these … */
const toCaller = new Set([
  'content-type',
  'content-length',
  'content-language',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'cache-control',
]);
const rateLimitPrefix = 'x-ratelimit-';
/** … and these families. */
const toCallerPrefixes = ['openai-', rateLimitPrefix, 'x-groq-', 'anthropic-', 'x-amzn-bedrock-'];

export function headersForProvider(
  caller: IncomingHttpHeaders,
  dialect: Dialect | null,
  { stream, options }: { readonly stream: boolean; readonly options: Readonly<Record<string, string>> },
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream' : 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'loom-gateway',
  };
  const ofOrganization = options.callerOrganization === 'pass' ? organizationHeaders : [];
  for (const name of dialect ? [...toProvider[dialect.errors], ...ofOrganization] : []) {
    const value = caller[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

/** Without the provider's own rate limits when the caller's key has limits in Loom: then the headers tell of those. */
export function headersForCaller(
  provider: IncomingHttpHeaders,
  { hasOwnLimits }: { readonly hasOwnLimits: boolean },
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const name in provider) {
    const value = provider[name];
    if (value === undefined || (hasOwnLimits && name.startsWith(rateLimitPrefix))) continue;
    if (toCaller.has(name) || toCallerPrefixes.some((prefix) => name.startsWith(prefix)))
      headers[name] = value;
  }
  const requestId = provider['x-request-id'];
  if (typeof requestId === 'string') headers['x-loom-provider-request-id'] = requestId;
  return headers;
}
