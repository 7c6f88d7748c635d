import { pino, type Logger as PinoLogger } from 'pino';
import type { RecentErrors } from './recent-errors.ts';
import { activeSpanFields } from './spans.ts';

export type Logger = PinoLogger;

const errorLevel = 50;

export interface LoggerOptions {
  /** The service's name on every line. */
  readonly service: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Keeps the messages of error lines, without their data. */
  readonly errors?: RecentErrors;
}

/**
 * JSON lines on standard error, data first and a constant past-tense message: `logger.info({ rows }, 'batch written')`.
 * A line that is written inside a span of Loom's own telemetry carries its `trace_id` and `span_id`.
 * Bodies, headers and credentials are never given to it; what slips through by these names is cut.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { errors } = options;
  return pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, pid: process.pid },
      mixin: activeSpanFields,
      timestamp: pino.stdTimeFunctions.isoTime,
      ...(errors && {
        hooks: {
          logMethod(args, method, level) {
            const message = args.find((argument) => typeof argument === 'string');
            if (level >= errorLevel) errors.add(options.service, message ?? 'error');
            method.apply(this, args);
          },
        },
      }),
      serializers: { error: pino.stdSerializers.err },
      redact: {
        paths: ['authorization', 'apiKey', 'password', '*.authorization', '*.apiKey', '*.password'],
        censor: '[redacted]',
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
