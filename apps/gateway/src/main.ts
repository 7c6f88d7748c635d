import 'reflect-metadata';
import { LoomError } from '@loom/errors';
import { runProcess, startHttpApplication } from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { AppModule, GATEWAY } from './app.module.ts';
import { readGatewayConfig } from './config.ts';
import type { Gateway } from './gateway.ts';
import { openAiError } from './dialect/openai-errors.ts';

const logger = createLogger({ service: 'gateway' });
const metrics = new Metrics();

await runProcess({ service: 'gateway', env: process.env, logger, metrics }, async () => {
  const config = readGatewayConfig(process.env);
  let gateway: Gateway | null = null;
  const application = await startHttpApplication({
    module: AppModule.register({
      config,
      logger,
      metrics,
      onOutboxFailure: (error) => {
        logger.fatal({ error }, 'outbox failed');
        setTimeout(() => process.exit(1), 200); // after the answers that say so
      },
    }),
    host: config.LOOM_GATEWAY_HOST,
    port: config.LOOM_GATEWAY_PORT,
    variables: 'LOOM_GATEWAY',
    logger,
    metrics,
    ready: () => gateway?.ready() ?? Promise.reject(new Error('starting')),
    connections: {
      connectionsMax: config.LOOM_GATEWAY_CONNECTIONS_MAX,
      perAddressMax: config.LOOM_GATEWAY_CONNECTIONS_PER_ADDRESS,
      requestMs: 0, // the edge holds bodies to a pause and a rate
    },
    faultBody: ({ message, status }) =>
      openAiError(
        new LoomError('invalid_request', message, {
          reason: status === 431 ? 'headers_too_large' : 'bad_request',
        }),
      ),
    intercept: (app) => {
      const opened = app.get<Gateway>(GATEWAY);
      gateway = opened;
      return (request, response) => opened.edge.handle(request, response);
    },
  });
  return { ready: { url: application.url }, close: () => application.close() };
});
