import { AsyncLocalStorage } from 'node:async_hooks';

/** For whom the reads of the store are made that one piece of work causes. */
export interface ReadScope {
  /** Reads of one owner wait for each other before those of another owner do: the organization. */
  readonly owner: string;
  /** Ends the reads, in the engine too, when their reader has left. */
  readonly signal: AbortSignal;
}

const scopes = new AsyncLocalStorage<ReadScope>();

/**
 * Runs `work` so that every read of the trace store inside it, however deep, belongs to `scope`. Without a scope a read
 * is a service's own: it waits for no turn and nothing ends it but its time limit.
 */
export function withReadScope<Result>(scope: ReadScope, work: () => Result): Result {
  return scopes.run(scope, work);
}

/** The scope of the running work, or null. */
export function readScope(): ReadScope | null {
  return scopes.getStore() ?? null;
}
