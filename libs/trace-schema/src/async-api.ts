import * as z from 'zod';
import {
  CallAccepted,
  CallChunks,
  CallEnded,
  CallPart,
  CallRefused,
  CaptureLost,
  CaptureRefusals,
  EmitterClosed,
  EmitterOpened,
  KeyCreated,
} from './call-events.ts';
import { ControlChanged, ControlSnapshotCompleted } from './control-events.ts';
import { CostComputed } from './cost-events.ts';
import { eventTypesOf, tolerant } from './event-reader.ts';
import { cloudEventHeaders, DeadLetter, topics } from './topics.ts';

interface MessageSource {
  readonly schema: z.ZodType;
  readonly summary: string;
}

interface ChannelSource {
  readonly address: string;
  readonly description: string;
  /** What the Kafka key is made of. */
  readonly key: string;
  /** Whether the headers say the project and the sequence number. */
  readonly placed: boolean;
  readonly messages: Readonly<Record<string, MessageSource>>;
}

const channels: Readonly<Record<string, ChannelSource>> = {
  traces: {
    address: topics.traces,
    description:
      'Every call to a model, from its acceptance to its one end. Order: records with one key (a project and an ' +
      'emitter) are in the order of their sequence; nothing is promised across keys. At least once: drop by `ce_id`.',
    key: '<project>/<emitter>',
    placed: true,
    messages: {
      callAccepted: { schema: CallAccepted, summary: 'A call was taken on; carries the request.' },
      callPart: { schema: CallPart, summary: 'A slice of a payload that is too large for its event.' },
      callChunks: { schema: CallChunks, summary: 'Bytes of an answer as they came; a live view, no record.' },
      callEnded: { schema: CallEnded, summary: 'The one end of an accepted call, self-contained.' },
      callRefused: { schema: CallRefused, summary: 'A call that no provider was asked for.' },
      captureRefusals: { schema: CaptureRefusals, summary: 'Refusals that were only counted.' },
      captureLost: { schema: CaptureLost, summary: 'Calls of a best-effort project that left no record.' },
      emitterOpened: {
        schema: EmitterOpened,
        summary: 'The first event of an emitter: the key of its receipts.',
      },
      keyCreated: { schema: KeyCreated, summary: 'A bucket key of a sealed project, sealed itself.' },
      emitterClosed: { schema: EmitterClosed, summary: 'The last event of an emitter: its last sequences.' },
    },
  },
  costs: {
    address: topics.costs,
    description:
      'The cost of each ended call under one version of the price book, appended and never updated. A call can have ' +
      'several, one per version. At least once: drop by `ce_id`.',
    key: '<project>/<emitter>',
    placed: false,
    messages: { costComputed: { schema: CostComputed, summary: 'What one ended call cost.' } },
  },
  control: {
    address: topics.control,
    description:
      'Projects, keys (as hashes), providers (credentials sealed), aliases and prices, for gateways and pricing. Its ' +
      'publisher says everything again at each start; of an entity the highest version counts. Kept for ever.',
    key: 'control',
    placed: false,
    messages: {
      controlChanged: {
        schema: ControlChanged,
        summary: 'An entity in its newest form, or that it is gone.',
      },
      snapshotCompleted: {
        schema: ControlSnapshotCompleted,
        summary: 'A reader from the start of this emitter now knows everything up to `version`.',
      },
    },
  },
  deadLetters: {
    address: topics.deadLetters,
    description:
      'Records that a consumer of Loom could not use, whole, with the place that they came from and the reason.',
    key: '<topic>/<partition>',
    placed: false,
    messages: { deadLetter: { schema: DeadLetter, summary: 'A record that was set aside.' } },
  },
};

/** AsyncAPI 3 of all topics, from the schemas that check their events; what a reader must take, not what is emitted. */
export function asyncApiDocument(): Record<string, unknown> {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Loom',
      version: '1',
      description:
        'The topics of Loom on Kafka, as CloudEvents 1.0 in binary mode. Within a version of a topic members and ' +
        'event types are only added: readers leave out what they do not know.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels: mapValues(channels, channelOf),
    operations: mapValues(channels, (channel, name) => ({
      action: 'send',
      summary: `Loom appends to ${channel.address}.`,
      channel: { $ref: `#/channels/${name}` },
    })),
    components: { messages: Object.assign({}, ...Object.values(channels).map(messagesOf)) as object },
  };
}

function channelOf({ address, description, messages }: ChannelSource): Record<string, unknown> {
  return {
    address,
    description,
    messages: mapValues(messages, (_, name) => ({ $ref: `#/components/messages/${name}` })),
    bindings: { kafka: { topic: address, bindingVersion: '0.5.0' } },
  };
}

function messagesOf({ messages, key, placed }: ChannelSource): Record<string, unknown> {
  return mapValues(messages, ({ schema, summary }, name) => ({
    name,
    summary,
    contentType: 'application/json',
    headers: headersOf(schema, placed),
    payload: schemaOf(schema),
    bindings: {
      kafka: { key: { type: 'string', description: key }, bindingVersion: '0.5.0' },
    },
  }));
}

/** The headers that `cloudEventHeaders` makes, all of them strings. */
function headersOf(schema: z.ZodType, placed: boolean): Record<string, unknown> {
  const example = cloudEventHeaders({
    ...{ id: '', type: '', source: '', subject: '', timeMs: 0 },
    ...(placed && { projectId: '', seq: 0 }),
  });
  const constants: Readonly<Record<string, object>> = {
    ce_specversion: { const: '1.0' },
    ce_type: { enum: [...new Set(eventTypesOf(schema))].map((type) => `loom.${type}`) },
    ce_time: { format: 'date-time' },
    'content-type': { const: 'application/json' },
  };
  return {
    type: 'object',
    required: Object.keys(example),
    properties: {
      ...mapValues(example, (_, name) => ({ type: 'string', ...constants[name] })),
      ce_traceparent: { type: 'string', description: "Of Loom's own telemetry, when it is exported." },
    },
  };
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(tolerant(schema) as z.ZodType, { io: 'input' });
  return rest;
}

function mapValues<Value, Result>(
  record: Readonly<Record<string, Value>>,
  to: (value: Value, name: string) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value, name)]));
}
