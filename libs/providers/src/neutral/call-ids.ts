import type { NeutralToolCall } from './neutral-request.ts';

type Called = Pick<NeutralToolCall, 'id' | 'name'>;

/**
 * The ids of a conversation's calls as its provider takes them. Models count their calls anew in each turn, and some give
 * no id; providers want each id once ("`tool_use` ids must be unique"), and a result with the id of its call.
 */
export class CallIds {
  readonly #fit: (id: string) => string;
  readonly #times = new Map<string, number>();
  /** Calls whose result has not come, by the caller's id. */
  readonly #waiting = new Map<string, Called[]>();
  readonly #last = new Map<string, Called>();

  /** `fit` makes an id one that the provider takes. */
  constructor(fit: (id: string) => string) {
    this.#fit = fit;
  }

  /** Returns the id of the next call. `name`: what the provider knows the tool by. */
  call(id: string, name: string): string {
    const times = this.#times.get(id) ?? 0;
    this.#times.set(id, times + 1);
    const called = { id: this.#fit(times === 0 ? id : `${id}-again-${times}`), name };
    this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), called]);
    this.#last.set(id, called);
    return called.id;
  }

  /** Returns the call that the next result with this id belongs to; without a name where there is none. */
  result(id: string): { readonly id: string; readonly name?: string } {
    return this.#waiting.get(id)?.shift() ?? this.#last.get(id) ?? { id: this.#fit(id) };
  }
}
