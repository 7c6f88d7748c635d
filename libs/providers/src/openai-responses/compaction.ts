import { LoomError } from '@loom/errors';
import { parseRecord, records, text } from '../json-values.ts';
import type { AnswerContext } from '../neutral/halves.ts';
import type { NeutralAnswer } from '../neutral/neutral-answer.ts';
import { openSummary, sealSummary } from './reasoning-seal.ts';

/*
 * Compaction in the Responses API. A request whose input ends with { type: compaction_trigger } is answered by one item
 * { type: compaction, id, encrypted_content }, which stands for the conversation in later requests. Sources:
 * developers.openai.com/api/docs/guides/compaction; github.com/openai/codex, which wants exactly one such item.
 *
 * Other models write the summary when they are asked for it. It travels sealed, as reasoning does.
 */

/** What a model is asked where OpenAI's own would compact the conversation. */
export const compactionRequest =
  'Summarize the conversation so far for another model that goes on with the task and sees nothing but your summary and ' +
  'the latest messages of the user. Include: the goal and the instructions of the user; what was done, with the names of ' +
  'files, commands and results that matter; decisions and their reasons; what is left to do. Write only the summary. ' +
  'Call no tools.';

/** Returns what a compaction item says to the model; null when another provider sealed it. */
export function readCompaction(item: Readonly<Record<string, unknown>>): string | null {
  const summary = openSummary(text(item.encrypted_content));
  return summary === null ? null : `Summary of the conversation so far:\n\n${summary}`;
}

/** Whether the answer of this call is to be a compaction item. */
export function asksForCompaction({ bytes }: AnswerContext): boolean {
  if (!bytes.includes('compaction_trigger')) return false;
  const input = parseRecord(bytes.toString('utf8'))?.input;
  return Array.isArray(input) && records(input).some(({ type }) => type === 'compaction_trigger');
}

/** Returns the item for an answer. Throws `upstream_failed` when the model wrote no summary. */
export function compactionItem(
  { content }: NeutralAnswer,
  context: AnswerContext,
): Readonly<Record<string, unknown>> {
  const summary = content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
  if (summary.trim() === '')
    throw new LoomError('upstream_failed', 'the model wrote no summary of the conversation', {
      reason: 'malformed_answer',
    });
  return { ...openCompaction(context), encrypted_content: sealSummary(summary) };
}

/** Returns the item before its summary is there. */
export function openCompaction({ id }: AnswerContext): Readonly<Record<string, unknown>> {
  return { type: 'compaction', id: `cmp_${id}` };
}
