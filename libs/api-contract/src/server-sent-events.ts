import { LoomError } from '@loom/errors';

export interface ServerSentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

const eventCharsMax = 1024 * 1024;

/**
 * Events of a `text/event-stream` body, as they arrive (WHATWG HTML 9.2.6; comments are skipped, `onBytes` is called for
 * them too). Ends with the body;
 * an event that the end cuts short is dropped. Throws `upstream_failed` on an event of more than 1 MiB.
 */
export async function* readServerSentEvents(
  body: ReadableStream<Uint8Array>,
  onBytes?: () => void,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let buffer = '';
  let fields = { event: '', id: '', data: [] as string[] };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes?.();
      const lines = (buffer + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      buffer = lines.pop() ?? '';
      if (buffer.length > eventCharsMax)
        throw new LoomError('upstream_failed', 'a live event is larger than 1 MiB');
      for (const line of lines) {
        if (line === '') {
          if (fields.data.length > 0)
            yield { event: fields.event, id: fields.id, data: fields.data.join('\n') };
          fields = { event: '', id: fields.id, data: [] };
        } else readField(line, fields);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function readField(line: string, fields: { event: string; id: string; data: string[] }): void {
  const colon = line.indexOf(':');
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'data') fields.data.push(value);
  else if (name === 'event') fields.event = value;
  else if (name === 'id') fields.id = value;
}
