import type { CounterStore } from '@loom/counter-store';
import { isLoomError } from '@loom/errors';
import type { ControlSnapshot, Target } from '@loom/routing';
import type { ApiKeyRecord, Usage } from '@loom/trace-schema';
import { type Call, known } from './call.ts';

/** A call about a response that a provider stores (OpenAI Responses API). */
export interface StoredResponseCall {
  /** What the record calls it. */
  readonly operation: string;
  readonly method: 'GET' | 'DELETE' | 'POST';
  readonly responseId: string;
  /** Below `/responses`: `/<id>`, `/<id>/cancel`, `/<id>/input_items`, with the caller's query. */
  readonly pathAndQuery: string;
}

/** Where a response is made. */
export interface ResponsePlace {
  readonly target: Target;
  readonly keyIndex: number;
  readonly background: boolean;
}

/** Which provider holds a response. */
export interface ResponseOwner {
  readonly providerId: string;
  readonly model: string;
  /** Which of the provider's keys made it: another one may belong to another account. */
  readonly keyIndex: number;
  /** The provider goes on by itself, and tells the usage when the response is read. */
  readonly background: boolean;
}

/** Providers keep responses for 30 days; the knowledge where they are is kept a little longer. Milliseconds. */
const keptMs = 32 * 86_400_000;

/**
 * Where the responses of each project are: written to the counter store before an id is handed out. An id is looked up
 * together with its project, so one of another project is as unknown as one that never was.
 */
export class StoredResponses {
  readonly #store: CounterStore;
  readonly #onFailure: (error: unknown) => void;

  constructor(store: CounterStore, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#onFailure = onFailure;
  }

  /** Never rejects: an answer is not held back because the store is away; its id will then be unknown, and that is told. */
  async keep(
    projectId: string,
    responseId: string,
    { target, keyIndex, background }: ResponsePlace,
  ): Promise<void> {
    const owner: ResponseOwner = {
      providerId: target.provider.id,
      model: target.model,
      keyIndex,
      background,
    };
    try {
      const kept = Buffer.from(JSON.stringify(owner));
      await Promise.all([
        this.#store.put(keyOf(projectId, responseId), kept, { ttlMs: keptMs }),
        this.#store.put(seenKeyOf(target, responseId), Buffer.from('1'), { ttlMs: keptMs }),
      ]);
    } catch (error) {
      if (!isLoomError(error)) throw error;
      this.#onFailure(error);
    }
  }

  /**
   * Whether the usage that a call tells is its own. A background call is answered before it has any; the first reading
   * that sees it complete has it, and no later one.
   */
  async countsUsage(call: Call, usage: Usage | null): Promise<boolean> {
    const projectId = known(call.project, 'project').id;
    if (!call.stored) return usage !== null || call.modelRequest?.parameters.background !== true;
    if (usage === null) return false;
    try {
      const owner = await this.find(projectId, call.stored.responseId);
      const key = `response-usage/${projectId}/${call.stored.responseId}`;
      return (
        owner?.background === true &&
        (await this.#store.put(key, Buffer.from('1'), { ttlMs: keptMs, ifAbsent: true }))
      );
    } catch (error) {
      if (!isLoomError(error)) throw error;
      this.#onFailure(error);
      return false;
    }
  }

  /** Null when no provider is known to hold it. Throws `unavailable` when the store cannot be asked. */
  async find(projectId: string, responseId: string): Promise<ResponseOwner | null> {
    const kept = await this.#store.get(keyOf(projectId, responseId));
    return kept ? (JSON.parse(kept.toString()) as ResponseOwner) : null;
  }

  /**
   * Whether a provider answered with this id, whatever project asked: one that is unknown to a project and was seen
   * belongs to another. Throws `unavailable` when the store cannot be asked.
   */
  async wasSeen(target: Target, responseId: string): Promise<boolean> {
    return (await this.#store.get(seenKeyOf(target, responseId))) !== null;
  }
}

function keyOf(projectId: string, responseId: string): string {
  return `response/${projectId}/${responseId}`;
}

function seenKeyOf({ provider }: Target, responseId: string): string {
  return `response-seen/${provider.id}/${responseId}`;
}

/** The target that holds a response, as long as it may be used; null when its provider is gone or disabled. */
export function previousResponseTarget(
  snapshot: ControlSnapshot,
  key: ApiKeyRecord,
  owner: ResponseOwner,
): Target | null {
  const provider = snapshot.providers(key.organizationId).find(({ id }) => id === owner.providerId);
  return provider?.enabled ? { provider, model: owner.model } : null;
}

const storedPath = /^\/v1\/responses\/([A-Za-z0-9_.-]{1,256})(\/cancel|\/input_items)?$/;
/** Query parameters of the Responses API. Nothing else of the caller's query is passed on. */
const queryNames = [
  'include',
  'include[]',
  'stream',
  'starting_after',
  'include_obfuscation',
  'after',
  'limit',
  'order',
];

const operations: Readonly<
  Record<string, { readonly method: StoredResponseCall['method']; readonly operation: string }[]>
> = {
  '': [
    { method: 'GET', operation: 'retrieve_response' },
    { method: 'DELETE', operation: 'delete_response' },
  ],
  '/cancel': [{ method: 'POST', operation: 'cancel_response' }],
  '/input_items': [{ method: 'GET', operation: 'list_input_items' }],
};

/** The call about a stored response that a path names, and the methods that it takes; null for other paths. */
export function findStoredResponse(
  method: string,
  path: string,
  query: string,
): { readonly allowed: readonly string[]; readonly stored: StoredResponseCall | null } | null {
  const [, responseId, action = ''] = storedPath.exec(path) ?? [];
  const choices = operations[action];
  if (responseId === undefined || !choices) return null;
  const allowed = choices.map((choice) => choice.method);
  const chosen = choices.find((choice) => choice.method === method);
  if (!chosen) return { allowed, stored: null };
  const kept = new URLSearchParams(
    [...new URLSearchParams(query)].filter(([name]) => queryNames.includes(name)),
  );
  const text = kept.size > 0 ? `?${kept.toString()}` : '';
  return { allowed, stored: { ...chosen, responseId, pathAndQuery: `/${responseId}${action}${text}` } };
}
