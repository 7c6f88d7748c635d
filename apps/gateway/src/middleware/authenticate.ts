import { hash } from 'node:crypto';
import { apiKeyPrefix, type KeyVerification, verifyApiKey } from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import type { ControlSnapshot } from '@loom/routing';
import type { ApiKeyRecord } from '@loom/trace-schema';
import type { Call } from '../call.ts';
import { splitUrl } from '../dialect/dialect-paths.ts';
import type { GatewayMiddleware } from '../middleware.ts';

export interface AuthenticateOptions {
  readonly snapshot: ControlSnapshot;
  /** By pepper version. */
  readonly peppers: ReadonlyMap<number, string>;
}

/** Keys that were verified and are remembered; the oldest is forgotten first. */
const rememberedMax = 10_000;

const keyHeaders: ReadonlySet<string> = new Set(['x-api-key', 'api-key', 'x-goog-api-key']);
const credentialNameLengths = new Set(['authorization', ...keyHeaders].map(({ length }) => length));

const unauthenticated = (message: string, reason: string) =>
  new LoomError('unauthenticated', message, { reason });

/** Finds out who calls, from one credential, by keyed hash in constant time; an unknown id costs the same work. */
export function authenticate(options: AuthenticateOptions): GatewayMiddleware {
  const verify = rememberingVerifier(options);
  return {
    name: 'authenticate',
    handle: (call, next) => {
      const { record, fault } = verify(credentialOf(call), call.startTimeMs);
      if (!record) throw unauthenticated('incorrect API key provided', 'invalid_api_key');
      // From here on the project is known, and what is refused is on its record.
      call.key = record;
      call.project = options.snapshot.project(record.projectId);
      if (fault === 'revoked') throw unauthenticated('this API key was revoked', 'revoked_api_key');
      if (fault === 'expired') throw unauthenticated('this API key has expired', 'expired_api_key');
      if (!call.project) throw unauthenticated('the project of this API key is gone', 'unknown_project');
      if (!record.scopes.includes('call')) {
        throw new LoomError(
          'permission_denied',
          'this API key may not call models: it lacks the scope "call"',
          {
            reason: 'insufficient_scope',
          },
        );
      }
      return next();
    },
  };
}

/**
 * Verifies a key by its keyed hash once; afterwards its plain hash says that it is the same key, for as long as its record
 * is the same one. Only keys that may be used are remembered, so a guess costs the full work every time.
 */
function rememberingVerifier({ snapshot, peppers }: AuthenticateOptions) {
  const remembered = new Map<string, ApiKeyRecord>();
  return (token: string, nowMs: number): KeyVerification => {
    const digest = hash('sha256', token);
    const record = remembered.get(digest);
    const expired = record?.expiresAtMs != null && record.expiresAtMs <= nowMs;
    if (record && !expired && snapshot.apiKey(record.id) === record) return { record, fault: null };
    remembered.delete(digest);
    const found = verifyApiKey(token, { findKey: (id) => snapshot.apiKey(id), peppers, nowMs });
    if (found.record && found.fault === null) {
      const [oldest] = remembered.keys();
      if (oldest !== undefined && remembered.size >= rememberedMax) remembered.delete(oldest);
      remembered.set(digest, found.record);
    }
    return found;
  };
}

/**
 * The one credential of a request. Of several in different headers the one that is a key of Loom counts: clients want a
 * placeholder where they send none. Two keys of Loom are nobody's.
 */
function credentialOf({ request, errorStyle }: Call): string {
  const given = new Set<string>();
  const { rawHeaders, url = '' } = request;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!credentialNameLengths.has(name.length)) continue;
    const lower = name.toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    if (lower === 'authorization') given.add(bearerToken(value));
    else if (keyHeaders.has(lower)) given.add(value.trim());
  }
  if (errorStyle === 'google') given.add(queryKey(url));
  given.delete('');
  const keys = [...given].filter((one) => one.startsWith(apiKeyPrefix));
  const [token, second] = keys.length > 0 ? keys : given;
  if (second !== undefined) {
    throw unauthenticated(
      'two different credentials were sent; send one, as "Authorization: Bearer <key>"',
      'two_credentials',
    );
  }
  if (token === undefined || token === '') {
    throw unauthenticated('no API key was sent; send "Authorization: Bearer <key>"', 'missing_api_key');
  }
  return token;
}

/** The key in the query, as Google's API takes it: `?key=`. */
function queryKey(url: string): string {
  return new URLSearchParams(splitUrl(url).query).get('key')?.trim() ?? '';
}

function bearerToken(header: string): string {
  const [scheme = '', token = '', ...rest] = header.trim().split(/ +/);
  return scheme.toLowerCase() === 'bearer' && rest.length === 0 ? token : header;
}
