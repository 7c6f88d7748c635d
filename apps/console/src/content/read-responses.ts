import type { ConversationReader, Turn } from './conversation.ts';
import { turnOfMessage } from './read-chat.ts';
import { isJson, type Json, list, other, partsOf, partsOfItem, turn, words } from './read-parts.ts';

/** Where the conversation goes on from; what was said there is not in the request. */
const earlier = ['previous_response_id', 'conversation', 'prompt'] as const;

/** Responses: `instructions` and items of `input` in, items of `output` out; or the list of a response's input items. */
export const readResponses: ConversationReader = (request, response) => {
  const { instructions, input } = request;
  const { output, error, data } = response;
  const before = earlier.flatMap((name) =>
    request[name] === undefined || request[name] === null ? [] : [other(name, request[name])],
  );
  return [
    ...(before.length > 0 ? [turn('before', before, false)] : []),
    ...(typeof instructions === 'string' || Array.isArray(instructions)
      ? [turn('system', partsOf(instructions), false)]
      : []),
    ...(typeof input === 'string' ? [turn('user', partsOf(input), false)] : turnsOfItems(list(input), false)),
    // Newest first is how such a list comes.
    ...turnsOfItems(list(data).toReversed(), false),
    ...(typeof output === 'string'
      ? [turn('assistant', partsOf(output), true)]
      : turnsOfItems(list(output), true)),
    ...(isJson(error) && output !== undefined ? [turn('error', [other('error', error)], true)] : []),
  ];
};

/** One turn for what a model does until it speaks: reasoning, calls and a message stand together. */
function turnsOfItems(items: readonly unknown[], isAnswer: boolean): Turn[] {
  const turns: Turn[] = [];
  for (const item of items) {
    const next = turnOfItem(item, isAnswer);
    const last = turns.at(-1);
    const isOn = last?.role === 'assistant' && next.role === 'assistant' && !(hasText(last) && hasText(next));
    if (isOn) turns[turns.length - 1] = turn('assistant', [...last.parts, ...next.parts], isAnswer);
    else turns.push(next);
  }
  return turns;
}

function turnOfItem(item: unknown, isAnswer: boolean): Turn {
  if (!isJson(item) || isMessage(item)) return turnOfMessage(item, isAnswer);
  const type = words(item['type']);
  const role = type.endsWith('_output') || type === 'mcp_approval_response' ? 'tool' : 'assistant';
  return turn(role, partsOfItem(item), isAnswer);
}

const isMessage = ({ type, role }: Json): boolean => type === 'message' || (type === undefined && !!role);
const hasText = ({ parts }: Turn): boolean => parts.some(({ kind }) => kind === 'text');
