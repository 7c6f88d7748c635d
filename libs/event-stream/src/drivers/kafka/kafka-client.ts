import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { LoomError, messageOf } from '@loom/errors';
import kafkajs, { type Kafka, type SASLOptions } from 'kafkajs';
import type { KafkaConfig } from './kafka-url.ts';

// A CommonJS module whose names Node cannot see from outside.
const { CompressionCodecs, CompressionTypes, logLevel } = kafkajs;

const connectMsMax = 3_000;
/** Longer than any request of ours is held by a broker. */
const requestMsMax = 10_000;
const keepAliveMs = 60_000;

/** Short, because the driver's own loops decide how long something is tried. */
export const retry = { retries: 2, initialRetryTime: 100, maxRetryTime: 500, factor: 0.2, multiplier: 2 };

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
  decompress: (bytes: Buffer) => decompress(bytes),
});

let isQuiet = false;

/**
 * A client of its own: clients of kafkajs share the positions of their groups, so that two members of a group in one
 * process must not come from the same one. An abort of `signal` cuts its connections for good: kafkajs has no way to
 * end an attempt that is under way.
 */
export function createClient(config: KafkaConfig, signal?: AbortSignal): Kafka {
  if (!isQuiet) silenceNegativeTimeouts();
  isQuiet = true;
  return new kafkajs.Kafka({
    clientId: 'loom',
    brokers: [...config.brokers],
    ssl: config.tls,
    ...(config.sasl ? { sasl: config.sasl as SASLOptions } : {}),
    connectionTimeout: connectMsMax,
    authenticationTimeout: connectMsMax,
    requestTimeout: requestMsMax,
    retry,
    socketFactory: ({ host, port, onConnect }) => {
      signal?.throwIfAborted();
      const name = /^[\d.:]+$/.test(host) ? {} : { servername: host };
      const socket = config.tls
        ? connectTls({ host, port, ...name }, onConnect)
        : connectTcp({ host, port }, onConnect);
      signal?.addEventListener('abort', () => socket.destroy(new Error('given up')), { once: true });
      return socket.setKeepAlive(true, keepAliveMs);
    },
    logLevel: logLevel.NOTHING,
    logCreator: () => () => undefined,
  });
}

// kafkajs 2.2.4 asks for a timer in the past when nothing throttles it, and Node 24 says so on stderr.
function silenceNegativeTimeouts(): void {
  const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]) => {
    if (args[1] === 'TimeoutNegativeWarning' && new Error().stack?.includes('kafkajs')) return;
    emitWarning(...args);
  };
}

interface KafkaFault {
  readonly name?: string;
  readonly type?: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** An error of kafkajs and what caused it, outermost first. */
function* faultsOf(error: unknown): Generator<KafkaFault> {
  for (let fault = error as KafkaFault | undefined, depth = 0; fault && depth < 10; depth += 1) {
    yield fault;
    fault = (fault.errors?.[0] ?? fault.cause) as KafkaFault | undefined;
  }
}

/** The name that Kafka's protocol gives an error, such as `NOT_LEADER_FOR_PARTITION`. */
export function protocolErrorOf(error: unknown): string | undefined {
  for (const { type } of faultsOf(error)) if (typeof type === 'string') return type;
  return undefined;
}

/** `config_invalid` where only another configuration helps, else `unavailable`; the message says what to do. */
export function toStreamError(error: unknown, config: KafkaConfig, what: string): LoomError {
  if (error instanceof LoomError) return error;
  const text = [...faultsOf(error)].map((fault) => `${fault.code ?? ''} ${messageOf(fault)}`).join(' ');
  const names = [...faultsOf(error)].map((fault) => fault.name);
  const protocolError = protocolErrorOf(error);
  const refuse = (code: 'config_invalid' | 'unavailable', cause: string) =>
    new LoomError(code, `event stream ${config.redactedUrl}: ${what}: ${cause}`, { cause: error });
  if (protocolError?.endsWith('AUTHORIZATION_FAILED')) {
    return refuse('config_invalid', `the user lacks a right (${protocolError})`);
  }
  if (names.includes('KafkaJSSASLAuthenticationError')) {
    return refuse('config_invalid', 'the broker refused the credentials; check user, password and sasl=');
  }
  if (/SSL|TLS|CERT|SELF_SIGNED|certificate/.test(text)) {
    const remedy = 'check tls= and, for an own authority, NODE_EXTRA_CA_CERTS';
    return refuse('config_invalid', `the TLS handshake failed (${messageOf(error)}); ${remedy}`);
  }
  const hint = /closed connection|timed? ?out/i.test(text)
    ? 'is this a Kafka broker, and does it want tls=1 or sasl=?'
    : 'is the broker up, and are host and port right?';
  return refuse('unavailable', `${messageOf(error)}; ${hint}`);
}

/** Rejects with a timeout when the work has not ended after `ms`; the work itself goes on. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`timed out: no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
