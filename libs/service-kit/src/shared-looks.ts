const sharedMs = 1000;

/** Many ask the same within a second: one look answers them all. Keeps nothing longer; a failed look fails them all. */
export class SharedLooks<Result> {
  readonly #looks = new Map<string, Promise<Result>>();

  at(key: string, look: () => Promise<Result>): Promise<Result> {
    const known = this.#looks.get(key);
    if (known) return known;
    const fresh = look();
    this.#looks.set(key, fresh);
    setTimeout(() => this.#looks.delete(key), sharedMs).unref();
    return fresh;
  }
}
