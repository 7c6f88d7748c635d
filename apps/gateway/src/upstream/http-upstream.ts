import type { IncomingHttpHeaders } from 'node:http';
import { LoomError, messageOf } from '@loom/errors';
import { joinPath, type ListedModel, readModelList } from '@loom/providers';
import type { OutboundGuard } from '@loom/service-kit';
import type { ProviderRecord } from '@loom/trace-schema';
import { type Dispatcher, Pool } from 'undici';
import { bodyDecoder } from './body-decoder.ts';
import type { Upstream, UpstreamExchange, UpstreamListener, UpstreamRequest } from './upstream.ts';

export interface HttpUpstreamOptions {
  readonly connectTimeoutMs: number;
  /** Until the head of the answer. Milliseconds. */
  readonly headTimeoutMs: number;
  /** Between two pieces of the answer. Milliseconds. */
  readonly idleTimeoutMs: number;
  /** Connections per provider. */
  readonly connectionsMax: number;
  /** Decides where providers that people have entered may be. */
  readonly guard: OutboundGuard;
}

const listTimeoutMs = 5_000;
const listBytesMax = 8 * 1024 * 1024;
const timeoutCodes = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
]);

/** Providers over HTTP: a pool of connections for each provider, so that no socket is shared between two of them. */
export class HttpUpstream implements Upstream {
  readonly #options: HttpUpstreamOptions;
  readonly #pools = new Map<string, { pool: Pool; basePath: string }>();

  constructor(options: HttpUpstreamOptions) {
    this.#options = options;
  }

  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamExchange {
    const exchange = new HttpExchange(listener);
    try {
      const { pool, basePath } = this.#poolOf(request.provider, request.timeouts?.connectMs);
      const { method, headers, body, timeouts } = request;
      pool.dispatch(
        {
          ...{ method, path: joinPath(basePath, request.path), headers },
          ...(method === 'POST' ? { body } : {}),
          ...(timeouts?.idleMs === undefined ? {} : { bodyTimeout: timeouts.idleMs }),
        },
        exchange,
      );
    } catch (error) {
      queueMicrotask(() => exchange.onResponseError(null, error as Error));
    }
    return exchange;
  }

  /** The ids of `GET /models`. Rejects when the provider cannot be asked or gives no list. */
  async listModels(
    provider: ProviderRecord,
    modelsPath: string,
    headers: Record<string, string>,
  ): Promise<ListedModel[]> {
    const { pool, basePath } = this.#poolOf(provider);
    const signal = AbortSignal.timeout(listTimeoutMs);
    const { statusCode, body } = await pool.request({
      method: 'GET',
      path: joinPath(basePath, modelsPath),
      headers,
      signal,
    });
    const text = await readBounded(body, listBytesMax);
    const models = statusCode === 200 ? readModelList(text) : null;
    if (!models) throw new LoomError('upstream_failed', `provider "${provider.name}" lists no models`);
    return models;
  }

  /** `POST` of a form to an address that a credential names (a token endpoint). Guarded like entered providers. */
  async postForm(address: string, form: string): Promise<{ status: number; body: string }> {
    const url = new URL(address);
    const lookup = this.#options.guard.connectLookup(url);
    const pool = new Pool(url.origin, {
      connections: 1,
      connect: { timeout: listTimeoutMs, ...(lookup ? { lookup } : {}) },
    });
    try {
      const { statusCode, body } = await pool.request({
        ...{ method: 'POST', path: url.pathname + url.search, body: form },
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        signal: AbortSignal.timeout(listTimeoutMs),
      });
      return { status: statusCode, body: await readBounded(body, listBytesMax) };
    } finally {
      await pool.destroy();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.destroy()));
  }

  #poolOf(
    provider: ProviderRecord,
    connectMs = this.#options.connectTimeoutMs,
  ): { pool: Pool; basePath: string } {
    const key = `${provider.id} ${provider.baseUrl} ${connectMs}`;
    const known = this.#pools.get(key);
    if (known) return known;
    const url = new URL(provider.baseUrl);
    const lookup = provider.origin === 'console' ? this.#options.guard.connectLookup(url) : undefined;
    const pool = new Pool(url.origin, {
      connections: this.#options.connectionsMax,
      pipelining: 1,
      headersTimeout: this.#options.headTimeoutMs,
      bodyTimeout: this.#options.idleTimeoutMs,
      connect: { timeout: connectMs, ...(lookup ? { lookup } : {}) },
    });
    const entry = { pool, basePath: url.pathname.replace(/\/+$/, '') };
    this.#pools.set(key, entry);
    return entry;
  }
}

class HttpExchange implements UpstreamExchange, Dispatcher.DispatchHandler {
  readonly #listener: UpstreamListener;
  #controller: Dispatcher.DispatchController | null = null;
  #decoder: ReturnType<typeof bodyDecoder> = null;
  #over = false;

  constructor(listener: UpstreamListener) {
    this.#listener = listener;
  }

  abort(): void {
    this.#over = true;
    this.#decoder?.destroy();
    this.#controller?.abort(new Error('call aborted'));
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('call aborted'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.#over || status < 200) return;
    try {
      this.#decoder = bodyDecoder(headers['content-encoding'], this.#listener, (error) => this.#fail(error));
    } catch (error) {
      this.#fail(error as LoomError);
      return;
    }
    if (this.#decoder) delete headers['content-length']; // it counts the encoded bytes
    this.#listener.head(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    if (this.#decoder) this.#decoder.write(chunk);
    else this.#listener.chunk(chunk);
  }

  onResponseEnd(): void {
    if (this.#over) return;
    if (this.#decoder) {
      this.#decoder.end(); // what is still in it comes first, then the end
      return;
    }
    this.#over = true;
    this.#listener.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    const code = (cause as { code?: string }).code ?? '';
    this.#fail(
      timeoutCodes.has(code)
        ? new LoomError('upstream_timed_out', `the provider did not answer in time (${code})`, {
            reason: 'timeout',
            cause,
          })
        : new LoomError('upstream_failed', `the connection to the provider failed: ${messageOf(cause)}`, {
            reason: 'upstream_error',
            cause,
          }),
    );
  }

  #fail(error: LoomError): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.abort(error);
    this.#listener.failure(error);
  }
}

async function readBounded(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax)
      throw new LoomError('upstream_failed', `the provider's list is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
