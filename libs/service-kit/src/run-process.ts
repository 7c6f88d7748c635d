import { type Logger, startTelemetry, type TelemetryOptions } from '@loom/telemetry';
import { isExpectedFault, startFault } from './start-fault.ts';

export interface RunningProcess {
  /** What the parent is told when the service is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Ends the service; called once. */
  close(): Promise<void>;
}

const closeDeadlineMs = 15_000;

/**
 * Runs a service as a process: starts its telemetry and then it, tells the parent over the IPC channel that it is ready, and ends it on
 * SIGTERM, SIGINT, or when the parent is gone. A close that hangs ends the process with code 1. So does a start that
 * fails, after one sentence that says why: to the parent as `failed`, without one to standard error.
 */
export async function runProcess(
  options: TelemetryOptions,
  start: () => Promise<RunningProcess>,
): Promise<void> {
  const { logger } = options;
  const telemetry = await startTelemetry(options).catch((error: unknown) => endStart(options, error));
  let running: RunningProcess | null = null;
  let ending = false;
  const end = (reason: string): void => {
    if (ending) return;
    ending = true;
    logger.info({ reason }, 'process stopping');
    setTimeout(() => process.exit(1), closeDeadlineMs).unref();
    const closed = (running?.close() ?? Promise.resolve()).then(
      () => 0,
      (error: unknown) => {
        logger.error({ error }, 'stopping failed');
        return 1;
      },
    );
    void closed.then(async (code) => {
      await telemetry.close();
      process.exit(code);
    });
  };
  process.on('unhandledRejection', (error) => {
    logger.fatal({ error }, 'unhandled rejection');
    process.exit(1);
  });
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  if (process.channel) process.on('disconnect', () => end('parent gone'));
  try {
    running = await start();
  } catch (error) {
    await endStart(options, error);
    return;
  }
  process.send?.({ ready: true, ...running.ready });
}

interface StartOptions {
  readonly service: string;
  readonly logger: Logger;
}

/** Ends a process that could not start: one sentence says why, and the stack is logged when that does not explain it. */
export async function endStart({ service, logger }: StartOptions, error: unknown): Promise<never> {
  if (!isExpectedFault(error)) logger.error({ error }, 'start failed');
  const sentence = startFault(error);
  if (process.send) await new Promise((resolve) => process.send?.({ failed: sentence }, resolve));
  else process.stderr.write(`${service} did not start: ${sentence}\n`);
  process.exit(1);
}
