import { isLoomError, LoomError } from '@loom/errors';
import { CommanderError } from 'commander';

/** What a script can rely on. Documented in the README. */
export const exitCodes = { ok: 0, failed: 1, notFound: 2, notRunning: 3, usage: 4 } as const;

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CommandExit || error instanceof CommandFailure) return error.exitCode;
  if (!isLoomError(error)) return exitCodes.failed;
  if (error.code === 'not_found') return exitCodes.notFound;
  if (error.code === 'unavailable') return exitCodes.notRunning;
  if (error.code === 'invalid_request' || error.code === 'config_invalid') return exitCodes.usage;
  return exitCodes.failed;
}

/** Ends a command that has said all that it has to say. */
export class CommandExit extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** A failure of a command that has exit codes of its own. */
export class CommandFailure extends LoomError {
  readonly exitCode: number;

  constructor(exitCode: number, cause: LoomError) {
    super(cause.code, cause.message, { cause, ...(cause.reason !== undefined && { reason: cause.reason }) });
    this.exitCode = exitCode;
  }
}
