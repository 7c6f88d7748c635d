import { createLogger } from '@loom/telemetry';
import { readStandaloneConfig } from './config.ts';
import { Deployment } from './deployment.ts';
import { runDeployment } from './run-deployment.ts';

const logger = createLogger({ service: 'standalone' });
const config = readStandaloneConfig(process.env);
await runDeployment(new Deployment(config, logger, process.env), config.LOOM_HOME, logger);
