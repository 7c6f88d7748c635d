import type { IncomingHttpHeaders } from 'node:http';
import type { LoomError } from '@loom/errors';
import type { ProviderRecord } from '@loom/trace-schema';

/** One request to a provider. */
export interface UpstreamRequest {
  readonly provider: ProviderRecord;
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** Below the provider's base URL, with a leading slash; may have a query. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  /** In place of the deployment's own. Milliseconds. */
  readonly timeouts?: { readonly connectMs?: number | undefined; readonly idleMs?: number | undefined };
}

/** Told what the provider answers, in this order: head, chunks, then once end or failure. Nothing after an abort. */
export interface UpstreamListener {
  head(status: number, headers: IncomingHttpHeaders): void;
  chunk(bytes: Buffer): void;
  end(): void;
  /** `upstream_failed` or `upstream_timed_out`. */
  failure(error: LoomError): void;
}

export interface UpstreamExchange {
  /** Cancels the call at the provider. The listener hears nothing more. */
  abort(): void;
  pause(): void;
  resume(): void;
}

export interface Upstream {
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamExchange;
  close(): Promise<void>;
}
