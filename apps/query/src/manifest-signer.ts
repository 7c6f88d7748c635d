import { LoomError, messageOf } from '@loom/errors';
import type { NoteSigner } from '@loom/ledger';
import { z } from 'zod';

export interface ManifestSignerOptions {
  /** Where the ledger listens. */
  readonly url: URL;
  /** What this service shows it. */
  readonly token: string;
}

const timeoutMs = 10_000;
const Keys = z.object({ keys: z.array(z.object({ name: z.string(), publicKey: z.base64() })).min(1) });
const Signed = z.object({ signature: z.base64() });

/** The deployment's keys, held by the ledger: it signs manifests of bundles for this service, and nothing else. */
export class ManifestSigner {
  readonly #options: ManifestSignerOptions;

  constructor(options: ManifestSignerOptions) {
    this.#options = options;
  }

  /** `unavailable` when the ledger does not answer. */
  async keys(): Promise<readonly NoteSigner[]> {
    const { keys } = await this.#ask(Keys, 'keys');
    return keys.map(({ name, publicKey }) => ({
      name,
      publicKey: Buffer.from(publicKey, 'base64'),
      sign: async (message) => {
        const text = Buffer.from(message).toString();
        const { signature } = await this.#ask(Signed, 'signatures', { text, publicKey });
        return Buffer.from(signature, 'base64');
      },
    }));
  }

  async #ask<Answer>(schema: z.ZodType<Answer>, path: string, body?: object): Promise<Answer> {
    const { url, token } = this.#options;
    try {
      const answer = await fetch(new URL(`/internal/manifests/${path}`, url), {
        method: body ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (!answer.ok) throw new Error(`it answered ${answer.status}: ${(await answer.text()).slice(0, 200)}`);
      return schema.parse(await answer.json());
    } catch (cause) {
      const message = `the ledger at ${url.host} signed no manifest (${messageOf(cause)})`;
      throw new LoomError('unavailable', message, { cause, retryAfterMs: 2_000 });
    }
  }
}
