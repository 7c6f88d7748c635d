import { runDeployment } from '@loom/app-standalone/run-deployment';
import { createLogger } from '@loom/telemetry';
import { readServersConfig } from './config.ts';
import { ServersDeployment } from './servers-deployment.ts';

const logger = createLogger({ service: 'servers' });
await runDeployment(() => new ServersDeployment(readServersConfig(process.env), logger, process.env), logger);
