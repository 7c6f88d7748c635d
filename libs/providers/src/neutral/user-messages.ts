import type { NeutralToolResult, NeutralUserBlock } from './neutral-request.ts';

type Part = Exclude<NeutralUserBlock, NeutralToolResult>;

/**
 * The messages of a user's turn where results of tools are messages of their own, as in OpenAI's chat API and those like
 * it. Those APIs want every result right after the calls, so what stands between them comes behind them, as one message of
 * the user. `toolMessage` may give parts that are the user's there.
 */
export function userMessages(
  blocks: readonly NeutralUserBlock[],
  write: {
    readonly part: (block: Part) => object;
    readonly toolMessage: (result: NeutralToolResult) => { message: object; following: readonly Part[] };
  },
): object[] {
  const messages: object[] = [];
  const parts: object[] = [];
  for (const block of blocks) {
    if (block.type !== 'tool-result') {
      parts.push(write.part(block));
      continue;
    }
    const { message, following } = write.toolMessage(block);
    messages.push(message);
    parts.push(...following.map(write.part));
  }
  return parts.length === 0 ? messages : [...messages, { role: 'user', content: parts }];
}
