export { createLogger, type Logger, type LoggerOptions } from './logger.ts';
export { Metrics } from './metrics.ts';
export { type LoggedError, RecentErrors } from './recent-errors.ts';
