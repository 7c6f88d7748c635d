import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isLoomError, LoomError } from '@loom/errors';
import type { LoomClient, Span } from '@loom/api-contract';
import { readStreamEvents, type WireEvent } from '@loom/providers';

export interface FixtureRecording {
  /** `<provider>/<api>/<case>`, as in libs/testkit/testdata/recorded. */
  readonly name: string;
  readonly model: string;
  readonly stream: boolean;
  /** Members of the request besides model and stream; null: a short question. */
  readonly request: Readonly<Record<string, unknown>> | null;
  /** The folder of the recorded cases. */
  readonly into: string;
}

export interface FixtureDeps {
  readonly gatewayUrl: string;
  readonly apiKey: string;
  readonly client: Pick<LoomClient, 'getTrace' | 'getSpanRaw'>;
}

const question = 'Invent a new holiday and describe its traditions in three sentences.';
const messages = [{ role: 'user', content: question }];

/** How each kind of case is asked for: in the provider's own API where callers speak it, else by way of chat. */
const ways: Readonly<
  Record<string, { readonly path: string; readonly request: Readonly<Record<string, unknown>> }>
> = {
  chat: { path: '/v1/chat/completions', request: { messages } },
  responses: { path: '/v1/responses', request: { input: question } },
  completion: { path: '/v1/completions', request: { prompt: question, max_tokens: 64 } },
  'anthropic/native': { path: '/v1/messages', request: { messages, max_tokens: 256 } },
  native: { path: '/v1/chat/completions', request: { messages, max_tokens: 256 } },
};

const answerMsMax = 300_000;
const recordMsMax = 15_000;

/**
 * Records one case anew: asks the provider through a running Loom, and takes the provider's own bytes from the record.
 * Writes the case beside the others and resolves with its path. Rejects with the provider's words when it refuses.
 */
export async function recordFixture(recording: FixtureRecording, deps: FixtureDeps): Promise<string> {
  const { name, into, stream } = recording;
  const [provider = '', api = '', ...rest] = name.split('/');
  const caseName = rest.join('/');
  const way = ways[`${provider}/${api}`] ?? ways[api];
  if (!way || !/^[a-z0-9][a-z0-9.-]*$/i.test(caseName) || !/^[a-z0-9-]+$/.test(provider))
    throw new LoomError(
      'invalid_request',
      `"${name}" is no case; write <provider>/<api>/<case>, the api being chat, responses, completion or native`,
    );
  const span = await ask(recording, way, deps);
  const bytes = Buffer.from(
    await deps.client.getSpanRaw({ params: { spanId: span.spanId }, query: { part: 'response' } }),
  );
  const content = stream ? linesOf(readStreamEvents(span.wire ?? span.dialect, bytes), provider) : bytes;
  const path = join(into, provider, api, stream ? `${caseName}.chunks.txt` : `${caseName}.json`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function ask(
  { model, stream, request }: FixtureRecording,
  way: { readonly path: string; readonly request: Readonly<Record<string, unknown>> },
  { gatewayUrl, apiKey, client }: FixtureDeps,
): Promise<Span> {
  const response = await fetch(gatewayUrl + way.path, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...(request ?? way.request), model, ...(stream ? { stream: true } : {}) }),
    signal: AbortSignal.timeout(answerMsMax),
  });
  const text = await response.text();
  if (!response.ok)
    throw new LoomError('upstream_failed', `no answer to record (${response.status}): ${text.slice(0, 500)}`);
  const traceId = response.headers.get('x-loom-trace-id') ?? '';
  const spanId = response.headers.get('x-loom-span-id') ?? '';
  const deadline = Date.now() + recordMsMax;
  for (;;) {
    const span = await client.getTrace({ params: { traceId } }).then(
      ({ spans }) => spans.find((found) => found.spanId === spanId),
      (error: unknown) => {
        if (isLoomError(error) && error.code === 'not_found') return undefined;
        throw error;
      },
    );
    if (span) return span;
    if (Date.now() > deadline)
      throw new LoomError('unavailable', `trace ${traceId} is not on the record yet`);
    await delay(200);
  }
}

// One JSON payload a line, as the recorded cases are kept: without framing and without the mark of the end.
function linesOf(events: readonly WireEvent[], provider: string): string {
  const lines = events
    .filter(({ data }) => !data.startsWith('[DONE]'))
    .map(({ name, data }) =>
      provider === 'amazon-bedrock' ? `{"${name}":${data}}` : data.replaceAll('\n', ''),
    );
  return `${lines.join('\n')}\n`;
}
