import { LoomError } from '@loom/errors';

/** What a `kafka:` URL says. */
export interface KafkaConfig {
  /** `host:port` of each broker to begin with. */
  readonly brokers: readonly string[];
  /** The URL without its password, for messages. */
  readonly redactedUrl: string;
  readonly tls: boolean;
  readonly sasl: {
    readonly mechanism: SaslMechanism;
    readonly username: string;
    readonly password: string;
  } | null;
  /** Put before the names of topics and groups: several deployments on one cluster. */
  readonly prefix: string;
  /** Of topics that are created; -1 leaves the replication to the broker's default. */
  readonly partitions: number;
  readonly replication: number;
  /** After this long without a sign of life a member's partitions go to others. Milliseconds. */
  readonly sessionMs: number;
  /** After this long without an acknowledgement an append rejects. Milliseconds. */
  readonly deliveryMs: number;
}

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
type SaslMechanism = (typeof mechanisms)[number];

const portDefault = 9092;
const nameSyntax = /^[A-Za-z0-9._-]{0,64}$/;

/**
 * Parses `kafka://[user:password@]host:9092?brokers=h2:9092,h3:9092&tls=1&sasl=scram-sha-512&prefix=dev.&partitions=12
 * &replication=3&session=10000&delivery=120000`. Throws `config_invalid`, which names the part at fault.
 */
export function parseKafkaUrl(url: URL): KafkaConfig {
  const redactedUrl = redact(url);
  const fail = (what: string): never => {
    throw new LoomError('config_invalid', `event stream ${redactedUrl}: ${what}`);
  };
  const parameters = new Map(url.searchParams);
  if (parameters.size < [...url.searchParams].length) fail('a parameter is given twice');
  const take = (name: string): string | undefined => {
    const value = parameters.get(name);
    parameters.delete(name);
    return value;
  };
  const integer = (name: string, byDefault: number, min: number, max: number): number => {
    const text = take(name);
    if (text === undefined) return byDefault;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    return fail(`${name}=${text} is not a whole number from ${min} to ${max}`);
  };

  if (url.hostname === '') fail('the host is missing; expected kafka://host:9092');
  if (url.pathname !== '' && url.pathname !== '/') fail(`the path ${url.pathname} has no meaning here`);
  const tls = take('tls') ?? '0';
  if (tls !== '0' && tls !== '1') fail(`tls=${tls} is neither 0 nor 1`);
  const prefix = take('prefix') ?? '';
  if (!nameSyntax.test(prefix)) fail(`prefix=${prefix} is not made of at most 64 of A-Z a-z 0-9 . _ -`);
  const config: KafkaConfig = {
    brokers: [
      `${url.hostname}:${url.port || portDefault}`,
      ...(take('brokers')?.split(',') ?? []).map((broker) => brokerAddress(broker, fail)),
    ],
    redactedUrl,
    tls: tls === '1',
    sasl: saslOf(url, take('sasl'), fail),
    prefix,
    partitions: integer('partitions', 12, 1, 10_000),
    replication: integer('replication', -1, 1, 100),
    sessionMs: integer('session', 10_000, 1_000, 300_000),
    deliveryMs: integer('delivery', 120_000, 1_000, 3_600_000),
  };
  const [unknown] = parameters.keys();
  if (unknown !== undefined) {
    fail(
      `unknown parameter ${unknown}; known: brokers tls sasl prefix partitions replication session delivery`,
    );
  }
  return config;
}

function saslOf(url: URL, mechanism: string | undefined, fail: (what: string) => never): KafkaConfig['sasl'] {
  if (mechanism === undefined) {
    return url.username === '' ? null : fail(`a user without sasl=; known: ${mechanisms.join(' ')}`);
  }
  const known = mechanisms.find((name) => name === mechanism);
  if (!known) return fail(`sasl=${mechanism} is not known; known: ${mechanisms.join(' ')}`);
  if (url.username === '' || url.password === '') return fail('sasl= needs kafka://user:password@host');
  try {
    return {
      mechanism: known,
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    };
  } catch {
    return fail('user or password hold a % that is not an escape; write it as %25');
  }
}

function brokerAddress(text: string, fail: (what: string) => never): string {
  const [, host, port] = /^([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined || Number(port ?? portDefault) > 65_535)
    fail(`brokers= holds ${text || 'an empty name'}`);
  return `${host}:${port ?? portDefault}`;
}

function redact(url: URL): string {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  return shown.href;
}
