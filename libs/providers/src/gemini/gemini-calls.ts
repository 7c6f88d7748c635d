import { invalidMember } from '../neutral/request-builder.ts';

interface OpenCall {
  readonly id: string;
  readonly name: string;
}

/**
 * The calls of a conversation and their results, where ids are often absent: a result without one belongs to the first
 * call of its function that has no result yet.
 */
export class GeminiCalls {
  readonly #open: OpenCall[] = [];
  readonly #ids = new Set<string>();
  #calls = 0;

  /** Returns the id of the next call: its own, or one that no other call has. */
  call(own: string | null, name: string): string {
    const id = own ?? this.#newId();
    this.#ids.add(id);
    this.#open.push({ id, name });
    return id;
  }

  /** Returns the call that a result belongs to. Throws `invalid_request` where there is none. */
  result(own: string | null, name: string, path: string): OpenCall {
    const byId = own === null ? -1 : this.#open.findIndex((call) => call.id === own);
    const at = byId >= 0 ? byId : this.#open.findIndex((call) => call.name === name);
    const [found] = at < 0 ? [] : this.#open.splice(at, 1);
    if (found) return found;
    throw invalidMember(
      `${path}.functionResponse`,
      `the result of a functionCall of "${name.slice(0, 100)}" that comes before it and has no result yet`,
    );
  }

  #newId(): string {
    let id = '';
    do id = `call_${(this.#calls += 1)}`;
    while (this.#ids.has(id));
    return id;
  }
}
