import { messageOf } from '@loom/errors';
import type { Logger } from '@loom/telemetry';
import { firstSteps } from './first-steps.ts';
import type { Runtime } from './runtime-file.ts';

export interface StartedDeployment {
  start(): Promise<Omit<Runtime, 'pids'>>;
  stop(): Promise<void>;
}

/** Runs a deployment as this process: tells a newcomer what to do, and ends it on a signal or when it does not start. */
export async function runDeployment(
  deployment: StartedDeployment,
  home: string,
  logger: Logger,
): Promise<void> {
  let ending: Promise<void> | null = null;
  const end = (code: number) => {
    ending ??= deployment.stop().catch((error: unknown) => logger.error({ error }, 'stopping failed'));
    void ending.then(() => process.exit(code));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => end(0));
  try {
    process.stdout.write(firstSteps(await deployment.start(), home));
  } catch (error) {
    process.stderr.write(`Loom did not start: ${messageOf(error)}\n`);
    end(1);
  }
}
