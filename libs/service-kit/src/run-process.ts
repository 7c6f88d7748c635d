import type { Logger } from '@loom/telemetry';

export interface RunningProcess {
  /** What the parent is told when the service is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Ends the service; called once. */
  close(): Promise<void>;
}

const closeDeadlineMs = 15_000;

/**
 * Runs a service as a process: starts it, tells the parent over the IPC channel that it is ready, and ends it on
 * SIGTERM, SIGINT, or when the parent is gone. A start that fails, or a close that hangs, ends the process with code 1.
 */
export async function runProcess(logger: Logger, start: () => Promise<RunningProcess>): Promise<void> {
  let running: RunningProcess | null = null;
  let ending = false;
  const end = (reason: string): void => {
    if (ending) return;
    ending = true;
    logger.info({ reason }, 'process stopping');
    setTimeout(() => process.exit(1), closeDeadlineMs).unref();
    (running?.close() ?? Promise.resolve()).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, 'stopping failed');
        process.exit(1);
      },
    );
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
    logger.error({ error }, 'start failed');
    process.exit(1);
  }
  process.send?.({ ready: true, ...running.ready });
}
