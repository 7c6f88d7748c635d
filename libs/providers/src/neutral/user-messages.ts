import type { NeutralToolResult, NeutralUserBlock } from './neutral-request.ts';

type Part = Exclude<NeutralUserBlock, NeutralToolResult>;

/**
 * The messages of a user's turn where results of tools are messages of their own, as in OpenAI's chat API and those like
 * it: what stands between them is the user's. `toolMessage` may give parts that follow as the user's.
 */
export function userMessages(
  blocks: readonly NeutralUserBlock[],
  write: {
    readonly part: (block: Part) => object;
    readonly toolMessage: (result: NeutralToolResult) => { message: object; following: readonly Part[] };
  },
): object[] {
  const messages: object[] = [];
  let parts: object[] = [];
  const close = () => {
    if (parts.length > 0) messages.push({ role: 'user', content: parts });
    parts = [];
  };
  for (const block of blocks) {
    if (block.type !== 'tool-result') {
      parts.push(write.part(block));
      continue;
    }
    close();
    const { message, following } = write.toolMessage(block);
    messages.push(message);
    parts.push(...following.map(write.part));
  }
  close();
  return messages;
}
