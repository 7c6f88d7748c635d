import { runDeployment } from '@loom/app-standalone/run-deployment';
import { createLogger } from '@loom/telemetry';
import { readServersConfig } from './config.ts';
import { ServersDeployment } from './servers-deployment.ts';

const logger = createLogger({ service: 'servers' });
const config = readServersConfig(process.env);
await runDeployment(new ServersDeployment(config, logger, process.env), config.LOOM_HOME, logger);
