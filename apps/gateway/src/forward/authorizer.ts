import { LoomError } from '@loom/errors';
import { credentialHeader, joinPath, profileOf } from '@loom/providers';
import { signAws } from '@loom/service-kit/aws-signature';
import type { ProviderRecord } from '@loom/trace-schema';
import type { CredentialReader } from '../credentials.ts';
import type { UpstreamRequest } from '../upstream/upstream.ts';
import type { GoogleTokens } from './google-tokens.ts';

export interface Authorized {
  readonly headers: Record<string, string>;
  /** What an answer must not repeat. */
  readonly credential: string | null;
}

/** Puts a provider's credential on a request, as its kind wants it. */
export class Authorizer {
  readonly #credentials: CredentialReader;
  readonly #google: GoogleTokens;

  constructor(credentials: CredentialReader, google: GoogleTokens) {
    this.#credentials = credentials;
    this.#google = google;
  }

  /** Throws `unavailable` when the credential cannot be used. A provider without a credential is asked without one. */
  async authorize(request: UpstreamRequest, keyIndex: number): Promise<Authorized> {
    const { provider, headers } = request;
    const credential = this.#credentials.keyOf(provider, keyIndex);
    if (credential === null) return { headers, credential };
    const scheme = profileOf(provider.kind)?.auth ?? 'bearer';
    if (scheme === 'sigv4') return { headers: await signed(request, credential), credential };
    if (scheme === 'google-oauth') {
      const token = await this.#google.tokenOf(provider, credential);
      return { headers: { ...headers, authorization: `Bearer ${token}` }, credential: token };
    }
    const header = credentialHeader(scheme, credential);
    return { headers: header ? { ...headers, [header[0]]: header[1] } : headers, credential };
  }
}

/*
 * The credential of Bedrock is `<access key id>:<secret access key>` or `<access key id>:<secret access key>:<session
 * token>`; an API key of Bedrock (it has no colon) travels as a bearer token and signs nothing.
 */
async function signed(request: UpstreamRequest, credential: string): Promise<Record<string, string>> {
  const { provider, method, path, headers, body } = request;
  const [accessKeyId = '', secretAccessKey, ...token] = credential.split(':');
  if (secretAccessKey === undefined) return { ...headers, authorization: `Bearer ${credential}` };
  const base = new URL(provider.baseUrl);
  const url = new URL(joinPath(base.pathname, path), base);
  const sessionToken = token.join(':');
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === '' ? {} : { sessionToken }) };
  const scope = { service: 'bedrock' as const, region: regionOf(provider, url), credentials };
  return signAws({ url, method, headers, body }, scope);
}

function regionOf(provider: ProviderRecord, url: URL): string {
  const region = provider.options?.region ?? /\.([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(url.hostname)?.[1];
  if (region !== undefined) return region;
  throw new LoomError('unavailable', `provider "${provider.name}" has no region; set its option "region"`, {
    reason: 'provider_needs_reconfiguration',
  });
}
