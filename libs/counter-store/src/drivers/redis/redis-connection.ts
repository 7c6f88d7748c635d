import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { LoomError, messageOf } from '@loom/errors';
import { Redis } from 'ioredis';
import type { PutOptions } from '../../counter-store.ts';
import { parseRedisUrl } from './redis-url.ts';

const connectMsMax = 5_000;
const retryMsMax = 1_000;
/** A connection on which nothing comes back for so long, though something was asked, is given up. */
const silenceMsMax = 5_000;
const probeMs = 100;

const scriptOf = (name: string) => readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8');
const scripts = { reserve: scriptOf('reserve'), settle: scriptOf('settle'), renew: scriptOf('renew') };
type ScriptName = keyof typeof scripts;

type ScriptCall = (...args: (string | number)[]) => Promise<unknown>;

/**
 * One connection to Redis that never keeps a caller waiting: a script answers within the time of the URL or is rejected
 * with `unavailable`, and from then on every call is rejected at once until Redis has answered a probe. Nothing is
 * queued while it is away, nothing is sent twice.
 */
export class RedisConnection {
  readonly redactedUrl: string;
  readonly #redis: Redis;
  readonly #waitMs: number;
  #isSilent = false;
  #isClosed = false;
  #isOpened = false;
  #lastError: unknown = null;

  private constructor(url: URL) {
    const { options, redactedUrl, waitMs } = parseRedisUrl(url);
    this.#waitMs = waitMs;
    this.redactedUrl = redactedUrl;
    this.#redis = new Redis({
      ...options,
      lazyConnect: true,
      connectTimeout: connectMsMax,
      connectionName: 'loom',
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      socketTimeout: silenceMsMax,
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
      retryStrategy: (times) => (this.#isOpened ? Math.min(50 * times, retryMsMax) : null),
    });
    this.#redis.on('error', (error: unknown) => (this.#lastError = error));
    for (const [name, lua] of Object.entries(scripts)) this.#redis.defineCommand(name, { lua });
  }

  /** Connects, and writes one key that is gone at once; see {@link openCounterStore} for what it throws. */
  static async open(url: URL): Promise<RedisConnection> {
    const connection = new RedisConnection(url);
    const deadline = new AbortController();
    const late = delay(connectMsMax, undefined, { signal: deadline.signal }).then(() => {
      throw new Error(`no answer within ${connectMsMax} ms`);
    });
    late.catch(() => undefined);
    try {
      await Promise.race([connection.#connect(), late]);
    } catch (error) {
      if (connection.#redis.status !== 'end') connection.#redis.disconnect();
      throw connection.#openingError(error);
    } finally {
      deadline.abort();
    }
    connection.#isOpened = true;
    return connection;
  }

  /** Runs a script. Rejects with `unavailable`. */
  async run(
    script: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    this.#mustBeReady();
    const commands = this.#redis as unknown as Record<ScriptName, ScriptCall>;
    return this.#inTime(commands[script](keys.length, ...keys, ...args));
  }

  /** False when there was a value and none was to be replaced. Rejects with `unavailable`. */
  async put(key: string, value: Buffer, { ttlMs, ifAbsent = false }: PutOptions): Promise<boolean> {
    this.#mustBeReady();
    const answer: Promise<string | null> = ifAbsent
      ? this.#redis.set(key, value, 'PX', ttlMs, 'NX')
      : this.#redis.set(key, value, 'PX', ttlMs);
    return (await this.#inTime(answer)) === 'OK';
  }

  async get(key: string): Promise<Buffer | null> {
    this.#mustBeReady();
    return this.#inTime(this.#redis.getBuffer(key));
  }

  async ping(): Promise<void> {
    this.#mustBeReady();
    await this.#inTime(this.#redis.ping());
  }

  close(): void {
    this.#isClosed = true;
    this.#redis.disconnect();
  }

  #mustBeReady(): void {
    if (this.#isSilent || this.#isClosed || this.#redis.status !== 'ready') throw this.#unavailable(null);
  }

  async #connect(): Promise<void> {
    await this.#redis.connect();
    await this.#redis.select(this.#redis.options.db ?? 0); // by itself it says nothing of a database that is not there
    const write = "return redis.call('SET', KEYS[1], 1, 'PX', 1)";
    await this.#redis.eval(write, 1, 'loom:{start}:probe');
  }

  async #inTime<Value>(answer: Promise<Value>): Promise<Value> {
    const late = Promise.withResolvers<never>();
    // After the answers that came while this process was busy: those are not late.
    const timer = setTimeout(
      () => setImmediate(() => late.reject(new Error(`no answer in ${this.#waitMs} ms`))),
      this.#waitMs,
    );
    let isAnswered = false;
    try {
      const value = await Promise.race([answer, late.promise]);
      isAnswered = true;
      return value;
    } catch (error) {
      isAnswered = (error as { name?: string } | null)?.name === 'ReplyError';
      throw this.#unavailable(error);
    } finally {
      clearTimeout(timer);
      answer.catch(() => undefined);
      if (!isAnswered) void this.#probe();
    }
  }

  // Redis works off what it was sent in its order: when it answers the probe it has caught up.
  async #probe(): Promise<void> {
    if (this.#isSilent) return;
    this.#isSilent = true;
    while (!this.#isClosed) {
      try {
        await this.#redis.ping();
        break;
      } catch {
        await delay(probeMs, undefined, { ref: false }); // not connected
      }
    }
    this.#isSilent = false;
  }

  #unavailable(cause: unknown): LoomError {
    const why = cause ?? this.#lastError;
    const text = this.#isClosed ? 'is closed' : `does not answer${why ? ` (${messageOf(why)})` : ''}`;
    return new LoomError('unavailable', `counter store ${this.redactedUrl} ${text}`, {
      cause: why,
      retryAfterMs: 1000,
    });
  }

  #openingError(thrown: unknown): LoomError {
    const cause = this.#lastError ?? thrown;
    const text = messageOf(cause);
    const isRefused = /^(WRONGPASS|NOAUTH|NOPERM|READONLY|ERR |-?MISCONF)/.test(text);
    const remedy = isRefused
      ? 'check user and password, the number of the database, and that the user may run scripts and write keys loom:*'
      : 'check that Redis runs there and can be reached from here, and whether it wants TLS (rediss:)';
    return new LoomError(
      isRefused ? 'config_invalid' : 'unavailable',
      `cannot open the counter store at ${this.redactedUrl}: ${text}; ${remedy}`,
      { cause },
    );
  }
}
