import { startTelemetry, type TelemetryOptions } from '@loom/telemetry';

export interface RunningProcess {
  /** What the parent is told when the service is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Ends the service; called once. */
  close(): Promise<void>;
}

const closeDeadlineMs = 15_000;

/**
 * Runs a service as a process: starts its telemetry and then it, tells the parent over the IPC channel that it is ready, and ends it on
 * SIGTERM, SIGINT, or when the parent is gone. A start that fails, or a close that hangs, ends the process with code 1.
 */
export async function runProcess(
  options: TelemetryOptions,
  start: () => Promise<RunningProcess>,
): Promise<void> {
  const { logger } = options;
  const telemetry = await startTelemetry(options);
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
    logger.error({ error }, 'start failed');
    process.exit(1);
  }
  process.send?.({ ready: true, ...running.ready });
}
