import { invalidMember } from '../neutral/request-builder.ts';

interface Called {
  readonly id: string;
  readonly name: string;
  hasResult: boolean;
}

/** Calls in the order in which they were made; the first that has no result yet is next. */
class CallQueue {
  readonly #calls: Called[] = [];
  #next = 0;

  push(call: Called): void {
    this.#calls.push(call);
  }

  first(): Called | undefined {
    while (this.#calls[this.#next]?.hasResult) this.#next += 1;
    return this.#calls[this.#next];
  }
}

/**
 * The calls of a conversation and their results, where ids are often absent: a result without one belongs to the first
 * call of its function that has no result yet.
 */
export class GeminiCalls {
  readonly #byId = new Map<string, CallQueue>();
  readonly #byName = new Map<string, CallQueue>();
  #made = 0;

  /** Returns the id of the next call: its own, or one that no call before it has. */
  call(own: string | null, name: string): string {
    const call = { id: own ?? this.#newId(), name, hasResult: false };
    queueOf(this.#byId, call.id).push(call);
    queueOf(this.#byName, name).push(call);
    return call.id;
  }

  /** Returns the call that a result belongs to. Throws `invalid_request` where there is none. */
  result(own: string | null, name: string, path: string): Pick<Called, 'id' | 'name'> {
    const byId = own === null ? undefined : this.#byId.get(own)?.first();
    const found = byId ?? this.#byName.get(name)?.first();
    if (found) {
      found.hasResult = true;
      return found;
    }
    throw invalidMember(
      `${path}.functionResponse`,
      `the result of a functionCall of "${name.slice(0, 100)}" that comes before it and has no result yet`,
    );
  }

  #newId(): string {
    do this.#made += 1;
    while (this.#byId.has(`call_${this.#made}`));
    return `call_${this.#made}`;
  }
}

function queueOf(queues: Map<string, CallQueue>, key: string): CallQueue {
  const queue = queues.get(key) ?? new CallQueue();
  queues.set(key, queue);
  return queue;
}
