export { createLogger, type Logger, type LoggerOptions } from './logger.ts';
export { Metrics } from './metrics.ts';
export { type LoggedError, RecentErrors } from './recent-errors.ts';
export {
  type BatchSpanOptions,
  isTracing,
  type RequestEnd,
  type RequestSpan,
  type RequestStart,
  startRequestSpan,
  withBatchSpan,
} from './spans.ts';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.ts';
