import { instructionText } from './instruction.ts';
import type { NeutralToolResult, NeutralUserBlock } from './neutral-request.ts';

/** What may stand in a message of the user's. */
export type UserPart = Exclude<NeutralUserBlock, { readonly type: 'tool-result' | 'instruction' }>;

/**
 * The messages of a user's turn where results of tools are messages of their own, as in OpenAI's chat API and those like
 * it. Those APIs want every result right after the calls, so what stands between them comes behind them, as messages of
 * the user and, where they may stand there, of the system. `toolMessage` may give parts that are the user's there.
 */
export function userMessages(
  blocks: readonly NeutralUserBlock[],
  write: {
    readonly part: (block: UserPart) => object;
    readonly placesInstructions: boolean;
    readonly toolMessage: (result: NeutralToolResult) => { message: object; following: readonly UserPart[] };
  },
): object[] {
  const results: object[] = [];
  const others: { role: string; content: unknown }[] = [];
  const say = (part: object) => {
    const last = others.at(-1);
    if (last?.role === 'user') (last.content as object[]).push(part);
    else others.push({ role: 'user', content: [part] });
  };
  for (const block of blocks) {
    if (block.type === 'tool-result') {
      const { message, following } = write.toolMessage(block);
      results.push(message);
      for (const part of following) say(write.part(part));
    } else if (block.type !== 'instruction') say(write.part(block));
    else if (write.placesInstructions) others.push({ role: 'system', content: block.text });
    else say(write.part({ type: 'text', text: instructionText(block) }));
  }
  return [...results, ...others];
}
