/** Values of a statement, apart from its text: `bind` gives the placeholder to put there. */
export class BoundParams {
  readonly values: Record<string, unknown> = {};
  #count = 0;

  bind(
    value: unknown,
    type: 'String' | 'Int64' | 'UInt32' | 'Float64' | 'Decimal(38, 18)' | 'Array(String)' | 'Array(Int64)',
  ): string {
    const name = `p${this.#count++}`;
    this.values[name] = value;
    return `{${name}:${type}}`;
  }

  /** An instant in unix nanoseconds as a DateTime64(9). */
  time(unixNanos: string): string {
    return `fromUnixTimestamp64Nano(${this.bind(unixNanos, 'Int64')}, 'UTC')`;
  }

  /** Instants as a set for IN, which a primary key can use. */
  times(unixNanos: readonly string[]): string {
    return `(SELECT fromUnixTimestamp64Nano(arrayJoin(${this.bind(unixNanos.map(BigInt), 'Array(Int64)')}), 'UTC'))`;
  }
}
