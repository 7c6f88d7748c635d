import type { ConversationReader, Part, Turn } from './conversation.ts';
import {
  citationsOf,
  isJson,
  type Json,
  list,
  other,
  partsOf,
  partsOfItem,
  toolCall,
  toolResult,
  turn,
  words,
} from './read-parts.ts';

/** Chat completions: `messages` in, `choices` out. */
export const readChat: ConversationReader = (request, response) => [
  ...list(request['messages']).map((message) => turnOfMessage(message, false)),
  ...list(response['choices']).flatMap((choice) =>
    isJson(choice) && choice['message'] !== undefined ? [turnOfMessage(choice['message'], true)] : [],
  ),
];

export function turnOfMessage(message: unknown, isAnswer: boolean): Turn {
  if (!isJson(message)) return turn('unknown', [other('item', message)], isAnswer);
  const role = words(message['role'], isAnswer ? 'assistant' : 'unknown');
  if (typeof message['tool_call_id'] === 'string') return turn(role, toolResult(message), isAnswer);
  return turn(role, partsOfMessage(message), isAnswer);
}

function partsOfMessage(message: Json): Part[] {
  const { content, refusal, audio, function_call: old } = message;
  const reasoning = words(message['reasoning_content']) || words(message['reasoning']);
  return [
    ...(reasoning === '' ? [] : [{ kind: 'reasoning' as const, text: reasoning }]),
    ...partsOf(content),
    ...(typeof refusal === 'string' ? [{ kind: 'refusal' as const, text: refusal }] : []),
    ...(isJson(audio) ? [spoken(audio)] : []),
    ...list(message['tool_calls']).flatMap((call) =>
      isJson(call)
        ? call['function'] || call['custom']
          ? toolCall(call)
          : partsOfItem(call)
        : [other('tool call', call)],
    ),
    ...(isJson(old) ? toolCall({ function: old }) : []),
    ...list(message['annotations']).flatMap(citationsOf),
  ];
}

function spoken({ transcript, id }: Json): Part {
  return { kind: 'file', name: 'Audio', note: words(id), words: words(transcript) };
}
