import type { ConversationReader } from './conversation.ts';
import { isJson, list, other, partsOf, turn } from './read-parts.ts';

/** Legacy completions: `prompt` in, `choices` of text out. Several prompts are turns of their own. */
export const readCompletions: ConversationReader = (request, response) => {
  const { prompt, suffix } = request;
  const prompts = Array.isArray(prompt) && prompt.every((one) => typeof one === 'string') ? prompt : [prompt];
  return [
    ...prompts.flatMap((one: unknown) =>
      one === undefined || one === null
        ? []
        : [turn('user', typeof one === 'string' ? partsOf(one) : [other('tokens', one)], false)],
    ),
    ...(typeof suffix === 'string' && suffix !== '' ? [turn('suffix', partsOf(suffix), false)] : []),
    ...list(response['choices']).map((choice) =>
      turn('assistant', isJson(choice) ? partsOf(choice['text']) : [other('choice', choice)], true),
    ),
  ];
};
