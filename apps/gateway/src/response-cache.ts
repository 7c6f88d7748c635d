import { createHash } from 'node:crypto';
import { type CounterStore, valueBytesMax } from '@loom/counter-store';
import { isLoomError, LoomError } from '@loom/errors';
import type { Route } from '@loom/routing';
import { type Call, type CallEnd, known } from './call.ts';

/** An answer that was given before: the provider's own bytes, to be handed through once more. */
export interface CachedAnswer {
  readonly contentType: string;
  /** The API that the bytes are of. */
  readonly wire: string;
  readonly bytes: Buffer;
}

/** What a call wants of the cache. */
export interface CacheUse {
  readonly key: string;
  readonly ttlMs: number;
  readonly reads: boolean;
}

/** Headers of the caller that can change the answer. */
const keyHeaders = [
  ...['x-loom-unsupported', 'anthropic-beta', 'anthropic-version'],
  ...['openai-beta', 'openai-organization', 'openai-project'],
];
const headerName = 'x-loom-cache';
const defaultTtlMs = 3_600_000;
const ttlMsMax = 30 * 86_400_000;
/** A larger answer is not kept. Bytes. */
const answerBytesMax = Math.min(1024 * 1024, valueBytesMax - 1024);

/**
 * Answers of equal requests, kept in the counter store for a while. Opt-in by project or request; the key is made of
 * organization, project, route and the canonical body, so nothing is ever shared between tenants. A store that is away is
 * a cache that has nothing.
 */
export class ResponseCache {
  readonly #store: CounterStore;
  readonly #onFailure: (error: unknown) => void;

  constructor(store: CounterStore, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#onFailure = onFailure;
  }

  async find(use: CacheUse, wire: string): Promise<CachedAnswer | null> {
    if (!use.reads) return null;
    try {
      const kept = await this.#store.get(use.key);
      const answer = kept && decode(kept);
      return answer?.wire === wire ? answer : null;
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  /** Nobody waits for it. Only whole, good answers are kept. */
  keep(use: CacheUse, answer: CachedAnswer): void {
    if (answer.bytes.length > answerBytesMax) return;
    this.#store
      .put(use.key, encode(answer), { ttlMs: use.ttlMs })
      .catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (!isLoomError(error)) throw error;
    this.#onFailure(error);
  }
}

/**
 * Whether a call uses the cache: its header decides, else its project. `off`; `on`; a number of seconds; `refresh` to
 * have the provider asked and the answer kept. Null: not at all, as in projects whose content is sealed. Throws `invalid_request` for any other value.
 */
export function cacheUseOf(call: Call, route: Route): CacheUse | null {
  const project = known(call.project, 'project');
  if (project.content === 'sealed') return null;
  const said = call.request.headers[headerName];
  const ofProject = project.cacheTtlMs ?? null;
  const isBackground = known(call.modelRequest, 'modelRequest').parameters.background === true;
  if (said === 'off' || call.stored !== null || isBackground || (said === undefined && ofProject === null))
    return null;
  const ttlMs =
    said === undefined || said === 'on' || said === 'refresh' ? (ofProject ?? defaultTtlMs) : secondsOf(said);
  return { key: keyOf(call, route), ttlMs, reads: said !== 'refresh' };
}

/** What of a finished call may be given again; null when it was no whole, good answer. */
export function cacheableAnswer(call: Call, end: CallEnd): CachedAnswer | null {
  if (end.outcome !== 'completed' || end.status !== 200 || !end.wire) return null;
  const bytes = call.tap?.answer() ?? null;
  if (!bytes) return null;
  const contentType = end.streamed ? 'text/event-stream; charset=utf-8' : 'application/json';
  return { wire: end.wire, contentType: end.providerContentType ?? contentType, bytes };
}

function secondsOf(text: string | string[]): number {
  const seconds = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds * 1000 <= ttlMsMax) return seconds * 1000;
  throw new LoomError(
    'invalid_request',
    `header ${headerName} must be on, off, refresh or a number of seconds from 1 to ${ttlMsMax / 1000}`,
    { param: headerName },
  );
}

function keyOf(call: Call, route: Route): string {
  const key = known(call.key, 'key');
  const request = known(call.modelRequest, 'modelRequest');
  const targets = [...route.targets, ...route.fallbacks].map(({ provider, model }) => [provider.id, model]);
  const said = [
    ...[key.organizationId, key.projectId, call.dialectOrThrow.name, request.model, request.stream, targets],
    ...keyHeaders.map((name) => call.request.headers[name] ?? ''),
  ];
  const hash = createHash('sha256')
    .update(JSON.stringify(said))
    .update('\0')
    .update(canonical(request.bytes));
  return `cache/${key.projectId}/${hash.digest('hex')}`;
}

// The same members in another order, or with other white space, are the same request. Numbers are compared as they are
// written: two that JavaScript cannot tell apart may be two for the provider.
function canonical(bytes: Buffer): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]));
  };
  const parsed: unknown = JSON.parse(bytes.toString('utf8'), ((
    _: string,
    value: unknown,
    at?: { source?: string },
  ) => (typeof value === 'number' ? { '\0number': at?.source ?? value } : value)) as Parameters<
    typeof JSON.parse
  >[1]);
  return JSON.stringify(sorted(parsed));
}

/* A kept answer: one line of JSON, then its bytes. */
function encode({ contentType, wire, bytes }: CachedAnswer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ contentType, wire })}\n`), bytes]);
}

function decode(kept: Buffer): CachedAnswer {
  const end = kept.indexOf(0x0a);
  const head = JSON.parse(kept.subarray(0, end).toString('utf8')) as { contentType: string; wire: string };
  return { ...head, bytes: kept.subarray(end + 1) };
}
