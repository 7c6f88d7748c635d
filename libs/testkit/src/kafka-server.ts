import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { askServer } from './ask-server.ts';
import { freePorts, type RealServer, startServerProcess } from './server-process.ts';

const fetchScript = join(import.meta.dirname, '../../../deploy/kafka/fetch.mjs');
const javaVersionMin = 17;
const heap = '-Xmx384m';
/** Broker and controller in one process, on one machine, without replicas. */
const settings = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'auto.create.topics.enable': 'false',
  'message.max.bytes': '1048576',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '5',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
  // After a kill the node must wait for its own old session before it may register again.
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '500',
  // The floor of the protocol's own bounds: a test must not wait long for a member that died.
  'group.min.session.timeout.ms': '1000',
  'log.cleaner.dedupe.buffer.size': '4194304',
  'num.network.threads': '2',
  'num.io.threads': '4',
};

export interface KafkaServerOptions {
  /** Holds the broker's data, settings and log; the same folder again is the same broker again. */
  readonly directory: string;
  /** Any free one when it is not given. */
  readonly port?: number;
  /**
   * With users (name to password) the broker wants SCRAM-SHA-512 and has access rules: `admin` may do everything, all
   * others nothing. The URL then carries admin's credentials.
   */
  readonly users?: Readonly<Record<string, string>> & { readonly admin: string };
}

/** What a broker needs and this machine has not, with the remedy; null when all is there. */
export function missingForKafka(): string | null {
  const version = javaVersion();
  if (version === null || version < javaVersionMin) {
    const found = version === null ? 'there is none' : `this is ${version}`;
    return `Java ${javaVersionMin} or later (${found}): apt-get install default-jre-headless`;
  }
  try {
    kafkaFolder();
    return null;
  } catch {
    return 'the jars of Apache Kafka: node deploy/kafka/fetch.mjs';
  }
}

/** Starts a single Apache Kafka 4 node (KRaft) on loopback; resolves when it has told its metadata. */
export async function startKafka(options: KafkaServerOptions): Promise<RealServer> {
  const { directory, users } = options;
  await mkdir(directory, { recursive: true });
  const [port = 0, controllerPort = 0, plainPort = 0] = await freePorts(3);
  const publicPort = options.port ?? port;
  const probePort = users ? plainPort : publicPort;
  const configFile = join(directory, 'server.properties');
  const config = {
    ...settings,
    'log.dirs': join(directory, 'data'),
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAIN',
    ...listeners(publicPort, controllerPort, plainPort, users !== undefined),
  };
  await writeFile(
    configFile,
    Object.entries(config)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  if (!existsSync(join(directory, 'data/meta.properties'))) await format(configFile, users ?? {});
  return startServerProcess({
    name: 'Apache Kafka',
    url: urlOf(publicPort, users),
    command: java(),
    args: [heap, ...javaOptions(), 'kafka.Kafka', configFile],
    logFile: join(directory, 'server.log'),
    stopSignal: 'SIGTERM',
    isReady: () => tellsMetadata(probePort),
  });
}

function urlOf(port: number, users: KafkaServerOptions['users']): URL {
  const url = new URL(`kafka://127.0.0.1:${port}`);
  if (users) {
    url.username = 'admin';
    url.password = users.admin;
    url.searchParams.set('sasl', 'scram-sha-512');
  }
  return url;
}

function listeners(
  port: number,
  controller: number,
  plain: number,
  secured: boolean,
): Record<string, string> {
  if (!secured) {
    return {
      listeners: `PLAIN://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAIN://127.0.0.1:${port}`,
      'listener.security.protocol.map': 'PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT',
    };
  }
  return {
    listeners: `SECURED://127.0.0.1:${port},PLAIN://127.0.0.1:${plain},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `SECURED://127.0.0.1:${port},PLAIN://127.0.0.1:${plain}`,
    'listener.security.protocol.map': 'SECURED:SASL_PLAINTEXT,PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.secured.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS;User:admin',
  };
}

async function format(configFile: string, users: Readonly<Record<string, string>>): Promise<void> {
  const scram = Object.entries(users).flatMap(([name, password]) => [
    '--add-scram',
    `SCRAM-SHA-512=[name=${name},password=${password}]`,
  ]);
  const id = randomBytes(16).toString('base64url');
  await promisify(execFile)(java(), [
    ...javaOptions(),
    'kafka.tools.StorageTool',
    'format',
    ...[`--cluster-id=${id}`, '--config', configFile, ...scram], // an id may begin with a dash
  ]);
}

const java = (): string => (process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin/java') : 'java');

const javaOptions = (): string[] => [
  '-XX:TieredStopAtLevel=1',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-cp',
  join(kafkaFolder(), '*'),
];

function javaVersion(): number | null {
  try {
    const output = execFileSync(java(), ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(/\d+/.exec(output)?.[0] ?? 0);
  } catch {
    return null;
  }
}

/** Where the jars are; throws when they were not fetched. */
function kafkaFolder(): string {
  const output = execFileSync(process.execPath, [fetchScript, '--check'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return output.slice(0, output.lastIndexOf(' ('));
}

// Metadata request, version 1: size, api key 3, version, correlation id, client id (null), no topics.
// The answer begins with size, correlation id and the number of brokers: one when the broker is ready.
async function tellsMetadata(port: number): Promise<boolean> {
  const request = Buffer.from('0000000e0003000100000001ffff00000000', 'hex');
  const answer = await askServer(port, request);
  return answer !== null && answer.length >= 12 && answer.readInt32BE(8) === 1;
}
