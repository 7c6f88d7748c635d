import { firstSteps } from '@loom/app-standalone/first-steps';
import { messageOf } from '@loom/errors';
import { createLogger } from '@loom/telemetry';
import { readServersConfig } from './config.ts';
import { ServersDeployment } from './servers-deployment.ts';

const logger = createLogger({ service: 'servers' });

async function main(): Promise<void> {
  const config = readServersConfig(process.env);
  const deployment = new ServersDeployment(config, logger, process.env);
  let ending: Promise<void> | null = null;
  const end = (code: number) => {
    ending ??= deployment.stop().catch((error: unknown) => logger.error({ error }, 'stopping failed'));
    void ending.then(() => process.exit(code));
  };
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  process.on('SIGHUP', () => end(0));
  try {
    process.stdout.write(firstSteps(await deployment.start(), config.LOOM_HOME));
  } catch (error) {
    process.stderr.write(`Loom did not start: ${messageOf(error)}\n`);
    end(1);
  }
}

void main();
