import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { apiKeyPrefix } from '@loom/control-store/secrets';
import type { Dialect } from '@loom/providers';

/*
 * Which headers pass. From the caller to the provider all but those named here; from the provider to the caller only those
 * named here.
 */

/** Of the connection, of its proxies and of the body's form: each hop has its own (RFC 9110, section 7.6.1). */
const ofTheHop = [
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'expect',
  ],
  ...['host', 'content-length', 'content-type', 'content-encoding', 'accept', 'accept-encoding', 'via'],
  ...['forwarded', 'x-real-ip', 'true-client-ip', 'traceparent', 'tracestate', 'baggage', 'x-request-id'],
];
/** What a browser says of its page and its person. */
const ofTheBrowser = ['origin', 'referer', 'access-control-request-method', 'access-control-request-headers'];
const notToProvider = new Set([...ofTheHop, ...ofTheBrowser]);
/** Loom's own, those of proxies, and those that clouds read as a credential or sign. */
const notToProviderPrefixes = [
  'x-loom-',
  'x-forwarded-',
  'proxy-',
  'sec-',
  'cf-',
  'x-amz-',
  'x-goog-',
  'x-envoy-',
];
const credentialName =
  /(?:^|-)(?:authorization|api-?key|cookie|token|secret|password|credentials?|signature)(?:-|$)/;

/** Headers of one provider's API: they go where that API is spoken. */
const ofApi = { openai: /^openai-/, anthropic: /^anthropic-/ } as const;
const apis = ['openai', 'anthropic'] as const;

/**
 * They choose whose budget and data a credential works with. The credential is the operator's, and so is the choice: only
 * a provider with the option `callerOrganization` leaves it to the caller.
 */
const organizationHeaders: ReadonlySet<string> = new Set(['openai-organization', 'openai-project']);

/**
 * The caller's headers that may go to a provider: not its credentials, not those of the hop, none of Loom's own, and none
 * that its `connection` header claims.
 */
export function passingHeaders(caller: IncomingHttpHeaders): Record<string, string> {
  const claimed = caller.connection === undefined ? [] : caller.connection.toLowerCase().split(/[\s,]+/);
  const passing: Record<string, string> = {};
  for (const name in caller) {
    const value = caller[name];
    if (typeof value !== 'string' || notToProvider.has(name) || claimed.includes(name)) continue;
    if (notToProviderPrefixes.some((prefix) => name.startsWith(prefix)) || credentialName.test(name))
      continue;
    if (!value.includes(apiKeyPrefix)) passing[name] = value;
  }
  return passing;
}

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

/** `dialect` is the caller's where the provider speaks it, else null. `passing`: see {@link passingHeaders}. */
export function headersForProvider(
  passing: Readonly<Record<string, string>>,
  dialect: Dialect | null,
  { stream, options }: { readonly stream: boolean; readonly options: Readonly<Record<string, string>> },
): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': 'loom-gateway' };
  const passesOrganization = options.callerOrganization === 'pass';
  for (const name in passing) {
    if (organizationHeaders.has(name) && !passesOrganization) continue;
    const isOfOtherApi = apis.some((api) => dialect?.errors !== api && ofApi[api].test(name));
    if (!isOfOtherApi) headers[name] = passing[name] ?? '';
  }
  return {
    ...headers,
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream' : 'application/json',
    'accept-encoding': 'identity',
  };
}

/**
 * By what providers name a request: OpenAI and most others, Anthropic, Bedrock, Azure. The first that is there counts;
 * `x-request-id` and `request-id` of an answer are Loom's.
 */
const requestIdHeaders = [
  'x-request-id',
  'request-id',
  'x-amzn-requestid',
  'apim-request-id',
  'x-debug-trace-id',
];

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
  const requestId = requestIdHeaders.map((name) => provider[name]).find((id) => typeof id === 'string');
  if (requestId !== undefined) headers['x-loom-provider-request-id'] = requestId;
  return headers;
}
