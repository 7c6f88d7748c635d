import 'reflect-metadata';
import { runProcess } from '@loom/service-kit';
import { createLogger, Metrics, RecentErrors } from '@loom/telemetry';
import { openBackend } from './backend.ts';
import { readBackendConfig } from './backend-config.ts';

const errors = new RecentErrors();
const logger = createLogger({ service: 'backend', errors });
const metrics = new Metrics();

await runProcess({ service: 'backend', env: process.env, logger, metrics }, async () => {
  const backend = await openBackend({
    config: readBackendConfig(process.env),
    env: process.env,
    logger,
    errors,
    metrics,
  });
  return { ready: { url: backend.url }, close: () => backend.close() };
});
