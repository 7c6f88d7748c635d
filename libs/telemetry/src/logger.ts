import { pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** The service's name on every line. */
  readonly service: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/**
 * JSON lines on standard error, data first and a constant past-tense message: `logger.info({ rows }, 'batch written')`.
 * Bodies, headers and credentials are never given to it; what slips through by these names is cut.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      redact: {
        paths: ['authorization', 'apiKey', 'password', '*.authorization', '*.apiKey', '*.password'],
        censor: '[redacted]',
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
