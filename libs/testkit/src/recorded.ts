import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { crc32 } from 'node:zlib';

const root = join(import.meta.dirname, '../testdata/recorded');

/** The API that a recorded answer is of. */
export type RecordedWire =
  | 'openai-chat'
  | 'openai-responses'
  | 'openai-completions'
  | 'anthropic-messages'
  | 'gemini-generate-content'
  | 'bedrock-converse'
  | 'cohere-chat';

/** One recorded provider answer (testdata/recorded/SOURCE.md): the bytes as they were on the wire. */
export interface RecordedCase {
  /** `<provider>/<file>`. */
  readonly name: string;
  readonly provider: string;
  readonly wire: RecordedWire;
  readonly stream: boolean;
  /** 200; for a body with an error the status that it implies. */
  readonly status: number;
  readonly contentType: string;
  readonly bytes: Buffer;
  /** The pieces of a stream, an event each; one piece for a JSON body. */
  readonly pieces: readonly Buffer[];
}

/** All recorded cases, in a stable order. */
export function recordedCases(): RecordedCase[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
    .map((entry) => readCase(join(entry.parentPath, entry.name)))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Input with cache, cache read, output with reasoning, reasoning. */
type UsageFigures = readonly [number, number, number, number];

/** The usage of each recorded case, compared by hand with what its body says; null where it says nothing. */
export function goldenUsage(): Readonly<Record<string, UsageFigures | null>> {
  const path = join(import.meta.dirname, '../testdata/golden-usage.json');
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, UsageFigures | null>;
}

/** State and US dollars of each recorded case at the prices of 2026-08-22 (apps/control/src/recorded-costs.test.ts). */
export function goldenCosts(): Readonly<Record<string, readonly [state: string, totalUsd: string]>> {
  const path = join(import.meta.dirname, '../testdata/golden-costs.json');
  return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof goldenCosts>;
}

/** Those of the OpenAI chat API. */
export function recordedChatCases(): RecordedCase[] {
  return recordedCases().filter((found) => found.wire === 'openai-chat');
}

function readCase(path: string): RecordedCase {
  const [provider = '', api = ''] = relative(root, path).split('/');
  const name = `${provider}/${basename(path)}`;
  const content = readFileSync(path);
  const text = content.toString();
  const wire = wireOf(provider, api, text);
  if (path.endsWith('.json')) {
    const status = statusOf(JSON.parse(text) as { error?: ErrorBody | null });
    const common = { name, provider, wire, stream: false, status };
    return { ...common, contentType: 'application/json', bytes: content, pieces: [content] };
  }
  const pieces = path.endsWith('.sse')
    ? text.split(/(?<=\n\n)/).map((event) => Buffer.from(event))
    : framed(wire, text.split('\n').filter(Boolean));
  const isEventStream = wire === 'bedrock-converse';
  const contentType = isEventStream
    ? 'application/vnd.amazon.eventstream'
    : 'text/event-stream; charset=utf-8';
  return {
    ...{ name, provider, wire, stream: true, status: 200 },
    contentType,
    bytes: Buffer.concat(pieces),
    pieces,
  };
}

// The folder `chat` of Azure holds cases of both APIs of OpenAI.
function wireOf(provider: string, api: string, text: string): RecordedWire {
  if (provider === 'anthropic') return 'anthropic-messages';
  if (provider === 'google') return 'gemini-generate-content';
  if (provider === 'amazon-bedrock') return 'bedrock-converse';
  if (provider === 'cohere') return 'cohere-chat';
  if (api === 'completion') return 'openai-completions';
  const isResponses = /"type":\s*"response\.created"|"object":\s*"response"/.test(text);
  return api === 'responses' || isResponses ? 'openai-responses' : 'openai-chat';
}

interface ErrorBody {
  readonly code?: unknown;
  readonly type?: unknown;
}

function statusOf(body: { readonly error?: ErrorBody | null }): number {
  const { error } = body;
  if (error === null || error === undefined) return 200;
  return error.type === 'not_found_error' ? 404 : 400;
}

function framed(wire: RecordedWire, lines: readonly string[]): Buffer[] {
  switch (wire) {
    case 'openai-chat':
    case 'openai-completions':
      return [...lines, '[DONE]'].map((line) => Buffer.from(`data: ${line}\n\n`));
    case 'openai-responses':
    case 'anthropic-messages':
      return lines.map((line) => {
        const type = /"type":\s*"([\w.]+)"/.exec(line)?.[1] ?? ''; // one recorded event is broken JSON
        return Buffer.from(`event: ${type}\ndata: ${line}\n\n`);
      });
    case 'gemini-generate-content':
    case 'cohere-chat':
      return lines.map((line) => Buffer.from(`data: ${line}\r\n\r\n`));
    case 'bedrock-converse':
      return lines.map((line) => {
        const [[name, payload] = ['', {}]] = Object.entries(JSON.parse(line) as Record<string, unknown>);
        return eventStreamFrame(name, JSON.stringify(payload));
      });
  }
}

/** One frame of `application/vnd.amazon.eventstream` with an event of this type. */
export function eventStreamFrame(eventType: string, payload: string, messageType = 'event'): Buffer {
  const typeName = messageType === 'event' ? ':event-type' : ':exception-type';
  const headers = Buffer.concat(
    [
      [':message-type', messageType],
      [typeName, eventType],
      [':content-type', 'application/json'],
    ].map(([name = '', value = '']) => {
      const length = Buffer.alloc(3);
      length.writeUInt8(7); // a string
      length.writeUInt16BE(Buffer.byteLength(value), 1);
      return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value)]);
    }),
  );
  const body = Buffer.from(payload);
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(12 + headers.length + body.length + 4, 0);
  prelude.writeUInt32BE(headers.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const unsigned = Buffer.concat([prelude, headers, body]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(unsigned));
  return Buffer.concat([unsigned, crc]);
}
