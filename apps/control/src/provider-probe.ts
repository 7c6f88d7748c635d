import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ProviderTest } from '@loom/api-contract';
import { type MasterKeys, unseal } from '@loom/control-store/secrets';
import { messageOf } from '@loom/errors';
import { credentialHeader, joinPath, profileOf, readModelList, simulatorModel } from '@loom/providers';
import type { OutboundGuard } from '@loom/service-kit';
import type { ProviderRecord } from '@loom/trace-schema';
import type { z } from 'zod';

export interface ProviderProbeDeps {
  readonly masterKeys: MasterKeys;
  readonly guard: OutboundGuard;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

const timeoutMs = 10_000;
const bytesMax = 1024 * 1024;
const modelsMax = 200;
const excerptChars = 300;

/** Asks a provider for its list of models: whether its address answers and its credential is taken. */
export class ProviderProbe {
  readonly #deps: ProviderProbeDeps;

  constructor(deps: ProviderProbeDeps) {
    this.#deps = deps;
  }

  /** Nothing in the answer holds the credential, whatever the provider says back. */
  async test(provider: ProviderRecord): Promise<z.output<typeof ProviderTest>> {
    const startedAt = performance.now();
    if (provider.kind === 'sim') {
      return { ok: true, status: 200, durationMs: 0, models: [simulatorModel], message: 'built in' };
    }
    if (!profileOf(provider.kind)?.modelsPath) {
      const message = `providers of kind ${provider.kind} list no models: they show with a first call`;
      return { ok: false, status: null, durationMs: 0, models: [], message };
    }
    let credential: string | null = null;
    const mask = (text: string) => (credential ? text.replaceAll(credential, '[credential]') : text);
    const done = (status: number | null, models: string[], message: string) => ({
      ok: status === 200,
      status,
      durationMs: performance.now() - startedAt,
      models: models.map(mask),
      message: mask(message).slice(0, excerptChars),
    });
    try {
      // Of several keys the first.
      credential = this.#credentialOf(provider)?.split('\n')[0]?.trim() ?? null;
      const { status, body } = await this.#ask(provider, credential);
      if (status !== 200) return done(status, [], `the provider answered ${status}: ${body}`);
      const models = readModelList(body);
      if (!models) return { ...done(status, [], 'the answer is no list of models'), ok: false };
      const ids = models.slice(0, modelsMax).map(({ id }) => id);
      return done(status, ids, `${models.length} models`);
    } catch (error) {
      return done(null, [], messageOf(error));
    }
  }

  #credentialOf({ id, organizationId, sealedCredential }: ProviderRecord): string | null {
    if (sealedCredential === null) return null;
    const context = { organizationId: organizationId ?? '', recordId: id, field: 'credential' };
    return unseal(this.#deps.masterKeys, sealedCredential, context);
  }

  /** No redirects: the credential goes where it was entered for. */
  #ask({ baseUrl, kind, origin }: ProviderRecord, credential: string | null): Promise<Answer> {
    const base = new URL(baseUrl);
    const url = new URL(joinPath(base.pathname, profileOf(kind)?.modelsPath ?? '/models'), base);
    const lookup = origin === 'console' ? this.#deps.guard.connectLookup(url) : undefined;
    const profile = profileOf(kind);
    const header = credential === null || !profile ? null : credentialHeader(profile.auth, credential);
    const headers = {
      accept: 'application/json',
      ...profile?.headers,
      ...(header && { [header[0]]: header[1] }),
    };
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { headers, signal, agent: false, ...(lookup && { lookup }) } as const;
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > bytesMax) request.destroy(new Error('the answer is larger than 1 MiB'));
          else chunks.push(chunk);
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        );
        response.on('error', reject);
      });
      request.on('error', (error) =>
        reject(signal.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : error),
      );
      request.end();
    });
  }
}
