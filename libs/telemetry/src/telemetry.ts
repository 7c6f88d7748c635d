import { context, diag, DiagLogLevel, metrics, propagation, trace } from '@opentelemetry/api';
import type { IMetricReader, PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { useTracer } from './spans.ts';

export interface TelemetryOptions {
  /** `service.name` is `loom-<service>` unless OTEL_SERVICE_NAME says otherwise. */
  readonly service: string;
  /** The process' environment; OpenTelemetry reads its own variables from there. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Telemetry {
  /** Sends what is waiting, for two seconds at most. */
  close(): Promise<void>;
}

const closeMsMax = 2_000;
const warningMsMin = 60_000;
const exportMs = 60_000;
const exportTimeoutMs = 10_000;
const off: Telemetry = { close: () => Promise.resolve() };

/**
 * Exports spans and metrics of this process by OTLP when the environment names an endpoint, and loads nothing when it
 * does not. Nothing waits for the exporter: what does not fit its queue is dropped, an endpoint that is away or wrong
 * is said in the log once a minute, and the service goes on.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { env, logger } = options;
  const tracesWanted = isWanted(env, 'TRACES');
  const metricsWanted = isWanted(env, 'METRICS');
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || !(tracesWanted || metricsWanted)) return off;
  try {
    const { NodeSDK } = await import('@opentelemetry/sdk-node');
    const { serviceInstanceIdDetector, envDetector } = await import('@opentelemetry/resources');
    const sdk = new NodeSDK({
      serviceName: env.OTEL_SERVICE_NAME || `loom-${options.service}`,
      // Not the process': a command line may hold what is nobody's business.
      resourceDetectors: [serviceInstanceIdDetector, envDetector],
      instrumentations: [],
      logRecordProcessors: [],
      metricReaders: metricsWanted ? [await metricReader(options)] : [],
      ...(tracesWanted ? {} : { spanProcessors: [] }),
    });
    diag.setLogger(diagnosticsTo(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    sdk.start();
    if (tracesWanted) useTracer(trace.getTracer('loom'));
    logger.info({ traces: tracesWanted, metrics: metricsWanted }, 'telemetry exported');
    return {
      close: async () => {
        useTracer(null);
        await within(closeMsMax, sdk.shutdown());
        for (const registered of [trace, metrics, context, propagation, diag]) registered.disable();
      },
    };
  } catch (error) {
    logger.error({ error }, 'telemetry not started; check the OTEL_ variables');
    return off;
  }
}

function isWanted(env: TelemetryOptions['env'], signal: 'TRACES' | 'METRICS'): boolean {
  // A variable that is empty is none.
  const endpoint = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || env.OTEL_EXPORTER_OTLP_ENDPOINT || '';
  return endpoint !== '' && env[`OTEL_${signal}_EXPORTER`] !== 'none';
}

async function metricReader({ env, metrics: own }: TelemetryOptions): Promise<IMetricReader> {
  const { PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics');
  const { metricProducer } = await import('./metric-producer.ts');
  const exportIntervalMillis = positive(env.OTEL_METRIC_EXPORT_INTERVAL) ?? exportMs;
  return new PeriodicExportingMetricReader({
    exporter: await metricExporter(env),
    metricProducers: [metricProducer(own)],
    exportIntervalMillis,
    exportTimeoutMillis: Math.min(
      positive(env.OTEL_METRIC_EXPORT_TIMEOUT) ?? exportTimeoutMs,
      exportIntervalMillis,
    ),
  });
}

async function metricExporter(env: TelemetryOptions['env']): Promise<PushMetricExporter> {
  const protocol = env.OTEL_EXPORTER_OTLP_METRICS_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL;
  if (protocol === 'grpc')
    return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter();
  if (protocol === 'http/json')
    return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter();
  return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter();
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return value > 0 ? value : undefined;
}

// An endpoint that is away is told at every export: once a minute is enough.
function diagnosticsTo(logger: Logger): Parameters<typeof diag.setLogger>[0] {
  let saidAtMs = 0;
  const say = (detail: string): void => {
    if (Date.now() - saidAtMs < warningMsMin) return;
    saidAtMs = Date.now();
    logger.warn({ detail: detail.slice(0, 500) }, 'telemetry not exported');
  };
  const nothing = (): void => undefined;
  return { error: say, warn: say, info: nothing, debug: nothing, verbose: nothing };
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
