/** An error-level line of a log: what was said, without its data. */
export interface LoggedError {
  readonly timeMs: number;
  readonly service: string;
  readonly message: string;
}

const errorsMax = 100;
const messageCharsMax = 300;

/** The newest error lines of this process. */
export class RecentErrors {
  readonly #errors: LoggedError[] = [];

  add(service: string, message: string): void {
    this.#errors.unshift({ timeMs: Date.now(), service, message: message.slice(0, messageCharsMax) });
    this.#errors.length = Math.min(this.#errors.length, errorsMax);
  }

  /** Newest first. */
  list(): readonly LoggedError[] {
    return [...this.#errors];
  }
}
