import type { SpanChunks } from '@loom/api-contract';

export interface StreamStep {
  readonly atMs: number;
  readonly bytes: number;
  /** What the chunk said in words; '' for one that said nothing, such as a role or a usage. */
  readonly said: string;
  readonly raw: string;
}

/** What each chunk adds to the answer, read from its events; an event that two chunks share counts for the later one. */
export function toSteps(chunks: SpanChunks['chunks']): StreamStep[] {
  let rest = '';
  return chunks.map(({ atMs, bytes, text }) => {
    const events = (rest + (text ?? '')).split(/\r?\n\r?\n/);
    rest = events.pop() ?? '';
    return { atMs, bytes, raw: text ?? '', said: events.map(saidIn).join('') };
  });
}

function saidIn(event: string): string {
  const data = event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n');
  try {
    return deltaOf(JSON.parse(data) as Delta);
  } catch {
    return ''; // `[DONE]`, a comment, or an event of another kind
  }
}

interface Delta {
  readonly choices?: readonly {
    readonly text?: unknown;
    readonly delta?: {
      readonly content?: unknown;
      readonly reasoning_content?: unknown;
      readonly tool_calls?: readonly {
        readonly function?: { readonly name?: string; readonly arguments?: string };
      }[];
    };
  }[];
  readonly type?: string;
  readonly delta?: unknown;
}

function deltaOf({ choices, delta }: Delta): string {
  if (typeof delta === 'string') return delta; // responses
  if (typeof delta === 'object' && delta !== null) {
    const {
      text,
      thinking,
      partial_json: json,
    } = delta as { text?: string; thinking?: string; partial_json?: string };
    return text ?? thinking ?? json ?? ''; // Anthropic
  }
  return (choices ?? [])
    .map(({ delta, text }) => {
      const words = [text, delta?.reasoning_content, delta?.content].filter(
        (value) => typeof value === 'string',
      );
      const calls = (delta?.tool_calls ?? []).map(
        (call) => `${call.function?.name ?? ''}${call.function?.arguments ?? ''}`,
      );
      return [...words, ...calls].join('');
    })
    .join('');
}
