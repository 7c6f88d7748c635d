import type {
  NeutralAssistantBlock,
  NeutralMessage,
  NeutralRequest,
  NeutralUserBlock,
} from './neutral-request.ts';

/*
 * APIs that have the system's text outside of the conversation are strict about what stands in it. Sources: the errors of
 * Anthropic ("text content blocks must contain non-whitespace text", "all messages must have non-empty content", "final
 * assistant content cannot end with trailing whitespace"), of Bedrock ("A conversation must start with a user message")
 * and of Gemini ("contents is not specified", "function call turn comes immediately after a user turn").
 */

/** Returns the request with a turn of the user's: where the system alone speaks, the user says it. */
export function withUserTurn(request: NeutralRequest): NeutralRequest {
  if (request.messages.length > 0 || request.system.length === 0) return request;
  return { ...request, system: [], messages: [{ role: 'user', content: request.system }] };
}

/** What the user says where a conversation begins with the model. It has to be something. */
const opening = { type: 'text', text: '.' } as const;

/** Returns the request with a user's turn before one of the model's that would be the first. */
export function openedByUser(request: NeutralRequest): NeutralRequest {
  const first = request.messages.find(({ content }) => content.some(isSpoken));
  if (first?.role !== 'assistant') return request;
  return { ...request, messages: [{ role: 'user', content: [opening] }, ...request.messages] };
}

/** Returns the request without texts that are nothing but blanks, and without blanks where the model is to go on. */
export function withoutBlanks(request: NeutralRequest): NeutralRequest {
  const messages = request.messages.map((message): NeutralMessage =>
    message.role === 'user'
      ? { role: 'user', content: message.content.filter(isSpoken).map(withSpokenResult) }
      : { role: 'assistant', content: message.content.filter(isSpoken) },
  );
  const last = messages.at(-1);
  const isGoingOn = last?.role === 'assistant';
  return {
    ...request,
    system: request.system.filter(isSpoken),
    messages: isGoingOn ? messages.with(-1, { role: 'assistant', content: trimmed(last.content) }) : messages,
  };
}

/** A turn as an API writes it. */
interface WrittenTurn {
  readonly role: NeutralMessage['role'];
  readonly blocks: readonly object[];
}

/** Returns the turns that say something, as `write` writes them. They alternate. */
export function spokenTurns(
  messages: readonly NeutralMessage[],
  write: (message: NeutralMessage) => readonly object[],
): WrittenTurn[] {
  const turns: WrittenTurn[] = [];
  for (const message of messages) {
    const { role } = message;
    const blocks = write(message);
    const last = turns.at(-1);
    if (last?.role === role) turns[turns.length - 1] = { role, blocks: [...last.blocks, ...blocks] };
    else if (blocks.length > 0) turns.push({ role, blocks });
  }
  return turns;
}

function isSpoken(block: NeutralUserBlock | NeutralAssistantBlock): boolean {
  const isText = block.type === 'text' || block.type === 'refusal' || block.type === 'instruction';
  return !isText || block.text.trim() !== '';
}

function withSpokenResult(block: NeutralUserBlock): NeutralUserBlock {
  return block.type === 'tool-result' ? { ...block, content: block.content.filter(isSpoken) } : block;
}

function trimmed(content: readonly NeutralAssistantBlock[]): readonly NeutralAssistantBlock[] {
  const last = content.at(-1);
  return last?.type === 'text' ? content.with(-1, { ...last, text: last.text.trimEnd() }) : content;
}
