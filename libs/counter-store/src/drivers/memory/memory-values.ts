interface Kept {
  readonly value: Buffer;
  readonly expiresAt: number;
}

/** What one process keeps; the least recently used goes first. Bytes, keys included. */
const bytesMax = 128 * 1024 * 1024;

/** Values of one process, each with an end. Bounded: what is used least goes before its time. */
export class MemoryValues {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  put(key: string, kept: Kept): void {
    this.#forget(key);
    this.#kept.set(key, kept);
    this.#bytes += sizeOf(key, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= bytesMax) return;
      this.#forget(oldest);
    }
  }

  get(key: string, now: number): Buffer | null {
    const kept = this.#kept.get(key);
    if (!kept) return null;
    this.#kept.delete(key);
    if (kept.expiresAt <= now) {
      this.#bytes -= sizeOf(key, kept);
      return null;
    }
    this.#kept.set(key, kept); // now the most recently used
    return kept.value;
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    this.#kept.delete(key);
    this.#bytes -= sizeOf(key, kept);
  }
}

function sizeOf(key: string, { value }: Kept): number {
  return value.length + key.length + 64;
}
