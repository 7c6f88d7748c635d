import 'reflect-metadata';
import { runProcess } from '@loom/service-kit';
import { createLogger, Metrics, RecentErrors } from '@loom/telemetry';
import { openBackend } from './backend.ts';
import { readBackendConfig } from './backend-config.ts';

const errors = new RecentErrors();
const logger = createLogger({ service: 'backend', errors });

await runProcess(logger, async () => {
  const backend = await openBackend({
    config: readBackendConfig(process.env),
    env: process.env,
    logger,
    errors,
    metrics: new Metrics(),
  });
  return { ready: { url: backend.url }, close: () => backend.close() };
});
