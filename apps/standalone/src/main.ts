import { createLogger } from '@loom/telemetry';
import { readStandaloneConfig } from './config.ts';
import { Deployment } from './deployment.ts';
import { runDeployment } from './run-deployment.ts';

const logger = createLogger({ service: 'standalone' });
await runDeployment(() => new Deployment(readStandaloneConfig(process.env), logger, process.env), logger);
