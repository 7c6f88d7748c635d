import { createSign } from 'node:crypto';
import { LoomError, messageOf } from '@loom/errors';
import type { ProviderRecord } from '@loom/trace-schema';

/** Asks a token endpoint by `POST` with a form; gives the body of its answer. Rejects when it cannot be reached. */
export type AskForToken = (url: string, form: string) => Promise<{ status: number; body: string }>;

interface ServiceAccount {
  readonly clientEmail: string;
  readonly privateKey: string;
  readonly tokenUri: string;
}

interface Token {
  readonly text: string;
  readonly expiresAtMs: number;
}

const scope = 'https://www.googleapis.com/auth/cloud-platform';
const defaultTokenUri = 'https://oauth2.googleapis.com/token';
const lifetimeSeconds = 3600;
/** A token is fetched anew this long before its end. Milliseconds. */
const earlyMs = 300_000;

/**
 * Access tokens for Vertex AI. A credential that is the JSON key of a service account is traded for one (RFC 7523) and
 * kept until shortly before its end; any other credential is taken for an access token itself.
 */
export class GoogleTokens {
  readonly #ask: AskForToken;
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(ask: AskForToken) {
    this.#ask = ask;
  }

  async tokenOf(provider: ProviderRecord, credential: string): Promise<string> {
    if (!credential.trimStart().startsWith('{')) return credential;
    const account = serviceAccountOf(provider, credential);
    const key = `${provider.id}\0${credential}`;
    const kept = await this.#tokens.get(key)?.catch(() => undefined);
    if (kept && kept.expiresAtMs - earlyMs > Date.now()) return kept.text;
    const fetched = this.#fetch(provider, account);
    this.#tokens.set(key, fetched);
    return (await fetched).text;
  }

  async #fetch(provider: ProviderRecord, account: ServiceAccount): Promise<Token> {
    const assertion = signedAssertion(account, Math.floor(Date.now() / 1000));
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
    });
    const refused = (why: string, cause?: unknown) =>
      new LoomError(
        'unavailable',
        `provider "${provider.name}": ${account.tokenUri} gave no access token: ${why}`,
        {
          ...{ reason: 'provider_needs_reconfiguration', cause },
        },
      );
    try {
      const { status, body } = await this.#ask(account.tokenUri, form.toString());
      const answer = JSON.parse(body) as { access_token?: unknown; expires_in?: unknown; error?: unknown };
      if (status !== 200 || typeof answer.access_token !== 'string')
        throw refused(`status ${status} ${typeof answer.error === 'string' ? answer.error : ''}`.trim());
      const seconds = typeof answer.expires_in === 'number' ? answer.expires_in : lifetimeSeconds;
      return { text: answer.access_token, expiresAtMs: Date.now() + seconds * 1000 };
    } catch (cause) {
      throw cause instanceof LoomError ? cause : refused(messageOf(cause), cause);
    }
  }
}

function serviceAccountOf(provider: ProviderRecord, credential: string): ServiceAccount {
  try {
    const account = JSON.parse(credential) as Record<string, unknown>;
    const { client_email: clientEmail, private_key: privateKey, token_uri: tokenUri } = account;
    if (typeof clientEmail !== 'string' || typeof privateKey !== 'string')
      throw new Error('not a service account');
    return { clientEmail, privateKey, tokenUri: typeof tokenUri === 'string' ? tokenUri : defaultTokenUri };
  } catch (cause) {
    throw new LoomError(
      'unavailable',
      `the credential of provider "${provider.name}" is neither the JSON key of a service account nor an access token`,
      { reason: 'provider_needs_reconfiguration', cause },
    );
  }
}

function signedAssertion({ clientEmail, privateKey, tokenUri }: ServiceAccount, nowSeconds: number): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: clientEmail,
    scope,
    aud: tokenUri,
    iat: nowSeconds,
    exp: nowSeconds + lifetimeSeconds,
  };
  const unsigned = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(privateKey, 'base64url')}`;
}
