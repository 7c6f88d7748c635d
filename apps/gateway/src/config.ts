import {
  envBytes,
  envDurationMs,
  envInteger,
  type Environment,
  envList,
  envPort,
  envSecret,
  envUrl,
  loadConfig,
} from '@loom/config';
import { z } from 'zod';

/** Every knob of the gateway; each variable with its unit, bound and default. */
const schema = z.object({
  LOOM_GATEWAY_HOST: z.string().default('127.0.0.1').describe('Address that the gateway listens on'),
  LOOM_GATEWAY_PORT: envPort.default(4000).describe('Port; 0 means any free one'),
  LOOM_OUTBOX_URL: envUrl.describe(
    'Directory of the outbox, which on one machine is the event stream: log:<directory>',
  ),
  LOOM_EVENT_STREAM_URL: envUrl
    .optional()
    .describe(
      'The event stream that the outbox is shipped to: kafka://…; without it the outbox is the stream',
    ),
  LOOM_OUTBOX_RETENTION: envDurationMs
    .default(600_000)
    .describe('What was shipped stays in the outbox at least this long'),
  LOOM_OUTBOX_DRAIN: envDurationMs
    .default(5_000)
    .describe(
      'At a stop, shipping the rest of the outbox may take this long; what stays is shipped after the next start',
    ),
  LOOM_GATEWAY_SNAPSHOT_FILE: z.string().describe('Where the control snapshot is kept between starts'),
  LOOM_MASTER_KEYS: envSecret.describe(
    'Keys of sealed credentials: <id>:<base64 of 32 bytes>, separated by commas; the first seals',
  ),
  LOOM_CONTENT_KEYS: envSecret
    .optional()
    .describe(
      'Keys of the content of the record, as LOOM_MASTER_KEYS; default: those. Query then needs no master key',
    ),
  LOOM_KEY_PEPPERS: envSecret.describe('Peppers of API key hashes: <version>:<text>, separated by commas'),
  LOOM_GATEWAY_MIDDLEWARES: envList.describe(
    'Files of own middlewares, separated by commas; they run after the request was read, before it is routed',
  ),
  LOOM_GATEWAY_BODY_BYTES_MAX: envBytes.default(32 * 1024 * 1024).describe('Largest request body'),
  LOOM_GATEWAY_BODY_TIMEOUT: envDurationMs
    .default(30_000)
    .describe('The longest pause in a request body, also before its first byte'),
  LOOM_GATEWAY_BODY_RATE_MIN: envBytes
    .default(4096)
    .describe('Bytes a second that a request body must come with on average, after the first such pause'),
  LOOM_GATEWAY_CONNECTIONS_MAX: envInteger(16, 1_000_000)
    .default(8192)
    .describe('Open connections, at most half of the files that the process may open'),
  LOOM_GATEWAY_CONNECTIONS_PER_ADDRESS: envInteger(8, 1_000_000)
    .default(4096)
    .describe('Of them from one address; of a load balancer too'),
  LOOM_GATEWAY_CORS_ORIGINS: envList.describe(
    'Origins whose pages may call the gateway from a browser, separated by commas, such as https://app.example.com; * for all. A key in a page is in the hands of everyone who opens it',
  ),
  LOOM_GATEWAY_CALLS_MAX: envInteger(1, 1_000_000)
    .default(4096)
    .describe('Calls at once; more are answered 503'),
  LOOM_GATEWAY_STOP_GRACE: envDurationMs
    .default(5_000)
    .describe('At a stop, running calls may take this long before they are broken off'),
  LOOM_CAPTURE_ANSWER_BYTES_MAX: envBytes
    .default(32 * 1024 * 1024)
    .describe('Bytes of an answer that are kept'),
  LOOM_CAPTURE_CHUNK_FLUSH: envDurationMs
    .default(100)
    .describe('How often chunks of running calls are written'),
  LOOM_STREAM_SEGMENT_AGE: envDurationMs
    .default(3_600_000)
    .describe('A segment of the outbox is closed after this long, so that it can go'),
  LOOM_OUTBOX_BYTES_MAX: envBytes
    .default(8 * 1024 ** 3)
    .describe('Disk that the outbox may take, of all starts together, before strict calls are answered 503'),
  LOOM_UPSTREAM_CONNECT_TIMEOUT: envDurationMs
    .default(10_000)
    .describe('Until the provider must have accepted the connection'),
  LOOM_UPSTREAM_HEAD_TIMEOUT: envDurationMs
    .default(600_000)
    .describe("Until the head of the provider's answer"),
  LOOM_UPSTREAM_IDLE_TIMEOUT: envDurationMs
    .default(600_000)
    .describe("Between two pieces of the provider's answer"),
  LOOM_UPSTREAM_TOTAL_TIMEOUT: envDurationMs.default(1_800_000).describe('A whole call'),
  LOOM_UPSTREAM_CONNECTIONS_MAX: envInteger(1, 65_535).default(1024).describe('Connections per provider'),
  LOOM_OUTBOUND_ALLOW: envList.describe('Private hosts that entered providers may have, separated by commas'),
  LOOM_CLIENT_STALL_TIMEOUT: envDurationMs
    .default(60_000)
    .describe('A client that reads nothing is left after this'),
  LOOM_STREAM_HEARTBEAT: envDurationMs
    .default(15_000)
    .describe(
      'After this much silence a stream gets a comment, so that no proxy takes it for dead. The head of a stream waits no longer than this for the first event, unless its route sets a time for that',
    ),
  LOOM_GATEWAY_UNSUPPORTED: z
    .enum(['refuse', 'drop'])
    .default('refuse')
    .describe(
      'Parts of a request that another API has no words for: refuse names them in a 422, drop leaves them out where that is harmless and lists them in x-loom-dropped; a request may say x-loom-unsupported',
    ),
  LOOM_GATEWAY_METADATA: z
    .enum(['adapt', 'refuse'])
    .default('adapt')
    .describe(
      'A header x-loom-metadata of another shape than a flat JSON object: adapt records it as text, refuse answers 400',
    ),
  LOOM_COUNTERS_URL: envUrl
    .default(new URL('memory:'))
    .describe(
      'Where the limits of keys are counted: redis://… (rediss: with TLS), shared by all gateways; memory: counts each gateway by itself',
    ),
  LOOM_COUNTERS_DOWN: z
    .enum(['open', 'closed'])
    .default('open')
    .describe(
      'Calls of keys with limits while the counters cannot be asked: open lets them through and flags their record, closed answers 503',
    ),
  LOOM_REFUSALS_BURST: envInteger(0, 1_000_000)
    .default(50)
    .describe('Refusals per key that are recorded one by one before counting'),
  LOOM_REFUSALS_PER_SECOND: envInteger(0, 1_000_000)
    .default(1)
    .describe('Refusals per key and second that are recorded one by one'),
  LOOM_REFUSALS_SUMMARY: envDurationMs
    .default(60_000)
    .describe('How often refusals that were only counted are written'),
});
export type GatewayConfig = z.infer<typeof schema>;

export const gatewayConfigSchema = schema;

export function readGatewayConfig(env: Environment): GatewayConfig {
  return loadConfig(schema, env);
}
