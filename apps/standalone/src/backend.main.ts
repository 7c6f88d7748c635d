import 'reflect-metadata';
import { runProcess } from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { openBackend } from './backend.ts';
import { readBackendConfig } from './backend-config.ts';

const logger = createLogger({ service: 'backend' });

await runProcess(logger, async () => {
  const backend = await openBackend({
    config: readBackendConfig(process.env),
    env: process.env,
    logger,
    metrics: new Metrics(),
  });
  return { ready: { url: backend.url }, close: () => backend.close() };
});
