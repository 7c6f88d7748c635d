import { isExpectedFault, startFault } from '@loom/service-kit';
import type { Logger } from '@loom/telemetry';
import { firstSteps } from './first-steps.ts';
import type { Runtime } from './runtime-file.ts';

export interface StartedDeployment {
  readonly home: string;
  start(): Promise<Omit<Runtime, 'pids'>>;
  stop(): Promise<void>;
}

/**
 * Runs a deployment as this process: prints the first steps when it is ready, and ends it on a signal. A start that
 * fails is ended with code 1 and one sentence that says why; `open` may throw for it too.
 */
export async function runDeployment(open: () => StartedDeployment, logger: Logger): Promise<void> {
  let deployment: StartedDeployment | null = null;
  let ending: Promise<void> | null = null;
  const end = (code: number) => {
    ending ??= (deployment?.stop() ?? Promise.resolve()).catch((error: unknown) =>
      logger.error({ error }, 'stopping failed'),
    );
    void ending.then(() => process.exit(code));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => end(0));
  try {
    deployment = open();
    process.stdout.write(firstSteps(await deployment.start(), deployment.home));
  } catch (error) {
    if (!isExpectedFault(error)) logger.error({ error }, 'start failed');
    process.stderr.write(`Loom did not start: ${startFault(error)}\n`);
    end(1);
  }
}
