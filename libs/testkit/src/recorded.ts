import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../testdata/recorded');

/** One recorded provider answer (testdata/recorded/SOURCE.md): the bytes as they were on the wire. */
export interface RecordedCase {
  readonly name: string;
  readonly provider: string;
  readonly stream: boolean;
  readonly bytes: Buffer;
  /** The pieces of a stream, an event each; one piece for a JSON body. */
  readonly pieces: readonly Buffer[];
}

/** All recorded chat cases, in a stable order. */
export function recordedChatCases(): RecordedCase[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: provider }) =>
      readdirSync(join(root, provider, 'chat')).map((file) =>
        readCase(provider, join(root, provider, 'chat', file)),
      ),
    )
    .sort((a, b) => a.name.localeCompare(b.name));
}

function readCase(provider: string, path: string): RecordedCase {
  const name = `${provider}/${path.slice(path.lastIndexOf('/') + 1)}`;
  const content = readFileSync(path);
  if (path.endsWith('.json')) return { name, provider, stream: false, bytes: content, pieces: [content] };
  const events = path.endsWith('.sse')
    ? content.toString().split(/(?<=\n\n)/)
    : [...content.toString().split('\n').filter(Boolean), '[DONE]'].map((line) => `data: ${line}\n\n`);
  const pieces = events.map((event) => Buffer.from(event));
  return { name, provider, stream: true, bytes: Buffer.concat(pieces), pieces };
}
