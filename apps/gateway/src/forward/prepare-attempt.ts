import { LoomError } from '@loom/errors';
import {
  adaptChatBody,
  type Dialect,
  type Endpoint,
  endpointOf,
  findPair,
  type ModelRequest,
  type Pair,
  profileOf,
  type ProviderProfile,
  requestForProvider,
  type UnsupportedPolicy,
} from '@loom/providers';
import type { PlannedAttempt } from '@loom/routing';
import { parseExactJson, type RouteSettings } from '@loom/trace-schema';
import { headersForProvider } from '../headers.ts';
import { type StoredItem, withStoredItems } from '../stored-items.ts';
import type { StoredResponseCall } from '../stored-responses.ts';
import type { UpstreamRequest } from '../upstream/upstream.ts';
import type { Authorizer } from './authorizer.ts';

/** What an attempt is made of, besides its target. */
export interface AttemptSource {
  readonly dialect: Dialect;
  readonly request: ModelRequest;
  /** Set for calls about a stored response: nothing is translated, the path names the response. */
  readonly stored: StoredResponseCall | null;
  /** Of the caller's, those that may go to a provider. */
  readonly headers: Readonly<Record<string, string>>;
  readonly unsupported: UnsupportedPolicy;
  readonly timeouts: RouteSettings['timeouts'];
  /** Ids of providers that refused `stream_options` where Loom had added it. */
  readonly withoutUsageOption: Set<string>;
  /** What the request names by its id, as far as Loom has it. */
  readonly items: ReadonlyMap<string, StoredItem>;
}

/** A request that can be sent, and how its answer is to be read. */
export interface PreparedAttempt {
  readonly upstream: UpstreamRequest;
  /** The provider's API. */
  readonly wire: Endpoint['wire'];
  /** Null: the provider speaks the caller's dialect, and its bytes pass as they are. */
  readonly pair: Pair | null;
  /** Whether the caller wants a stream. */
  readonly stream: boolean;
  /** True when Loom asked for the usage of a stream and the caller did not. */
  readonly askedForUsage: boolean;
  /** True when `stream_options` is in the request and the caller did not put it there. */
  readonly addsUsageOption: boolean;
  /** Paths of what the provider cannot be told. */
  readonly dropped: readonly string[];
  /** The provider's credential: an error answer that repeats it does not hand it on. */
  readonly credential: string | null;
}

/**
 * Makes the request for one target: spliced where the provider speaks the caller's dialect, else translated. Throws
 * `unsupported` (422) for what cannot go there, `invalid_request` for a body that cannot be read.
 */
export async function prepareAttempt(
  source: AttemptSource,
  { target, keyIndex }: PlannedAttempt,
  authorizer: Authorizer,
): Promise<PreparedAttempt> {
  const { provider, model } = target;
  const { dialect, stored } = source;
  const endpoint = endpointOf(provider.kind, dialect.name, model);
  const options = provider.options ?? {};
  const profile = profileFor(source, provider);
  const pair = endpoint.wire === dialect.name ? null : pairFor(dialect, endpoint, model);
  const request = withStoredItems(source.request, source.items, {
    providerId: provider.id,
    isTranslated: pair !== null,
  });
  const { stream } = request;
  const askedForUsage =
    pair === null &&
    stream &&
    dialect.hasUsageOption &&
    !request.includeUsage &&
    (profile?.asksForStreamUsage ?? false);
  const { body, dropped } = pair
    ? pair.writeRequest(request.bytes, model, source.unsupported, profile, stream)
    : ownDialectBody(dialect, request, { kind: provider.kind, model, askForUsage: askedForUsage });
  const base = endpoint.path({ model, stream, options, verb: request.verb });
  const unsigned = {
    ...{
      provider,
      method: stored?.method ?? ('POST' as const),
      path: stored ? base + stored.pathAndQuery : base,
    },
    headers: {
      ...profile?.headers,
      ...headersForProvider(source.headers, pair ? null : dialect, { stream, options }),
    },
    body: endpoint.adapt ? adapted(body, endpoint.adapt) : body,
    timeouts: { connectMs: source.timeouts.connectMs, idleMs: source.timeouts.idleMs },
  };
  const { headers, credential } = await authorizer.authorize(unsigned, keyIndex);
  return {
    upstream: { ...unsigned, headers },
    wire: endpoint.wire,
    pair,
    stream,
    askedForUsage,
    addsUsageOption: askedForUsage || (pair !== null && stream && profile?.asksForStreamUsage === true),
    dropped,
    credential,
  };
}

function profileFor(
  { withoutUsageOption }: AttemptSource,
  { id, kind }: PlannedAttempt['target']['provider'],
): ProviderProfile | undefined {
  const profile = profileOf(kind);
  return profile && withoutUsageOption.has(id) ? { ...profile, asksForStreamUsage: false } : profile;
}

// The caller's own bytes, but for what this kind of provider is known to refuse or to ignore.
function ownDialectBody(
  dialect: Dialect,
  request: ModelRequest,
  { kind, ...change }: { readonly kind: string; readonly model: string; readonly askForUsage: boolean },
): { body: Buffer; dropped: readonly string[] } {
  const body = requestForProvider(request, change);
  const members = new Set(request.members.members.keys());
  const adapted = dialect.name === 'openai-chat' ? adaptChatBody(body, members, kind) : null;
  return adapted ? { body: adapted.bytes, dropped: adapted.dropped } : { body, dropped: [] };
}

function pairFor(dialect: Dialect, endpoint: Endpoint, model: string): Pair {
  const pair = findPair(dialect.name, endpoint.wire);
  if (pair) return pair;
  throw new LoomError(
    'unsupported',
    `model "${model}" cannot be called by ${dialect.path}: ${dialect.name} is not translated to ${endpoint.wire}`,
    { param: 'model', reason: 'unsupported_operation' },
  );
}

function adapted(body: Buffer, adapt: NonNullable<Endpoint['adapt']>): Buffer {
  return Buffer.from(JSON.stringify(adapt(parseExactJson(body.toString()) as Record<string, unknown>)));
}
