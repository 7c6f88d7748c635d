import { parseRecord, records, text } from '../json-values.ts';
import { sseData } from '../sse.ts';

/*
 * The legacy completions API differs from chat in where the text is: `choices[].text`, whole or in pieces. Its facts
 * (id, model, finish reasons, usage, `[DONE]`) stand where those of chat stand.
 */

/** The answer as one completion: a JSON body as it is, a stream put together from its chunks. */
export function assembleCompletion(bytes: Buffer, stream: boolean): Record<string, unknown> | null {
  if (!stream) return parseRecord(bytes.toString('utf8'));
  let completion = null as Record<string, unknown> | null;
  const choices = new Map<number, Record<string, unknown>>();
  for (const data of sseData(bytes)) {
    const chunk = parseRecord(data);
    if (!chunk) continue;
    completion = { ...chunk, ...completion };
    if (chunk.usage) completion.usage = chunk.usage;
    for (const choice of records(chunk.choices)) {
      const index = typeof choice.index === 'number' ? choice.index : 0;
      const known = choices.get(index);
      const said = (text(known?.text) ?? '') + (text(choice.text) ?? '');
      choices.set(index, { ...known, ...choice, text: said });
    }
  }
  return completion && { ...completion, choices: [...choices.values()] };
}

/** What the model said, as plain text. For search and counts. */
export function completionText(bytes: Buffer, stream: boolean): string {
  return records(assembleCompletion(bytes, stream)?.choices)
    .flatMap((choice) => text(choice.text) ?? [])
    .join('\n');
}
