import { own } from '../format/own.ts';
import { readChat } from './read-chat.ts';
import { readCompletions } from './read-completions.ts';
import { readEmbeddings, readGeminiEmbeddings } from './read-embeddings.ts';
import { readGemini } from './read-gemini.ts';
import { readMessages } from './read-messages.ts';
import { isJson, type Json } from './read-parts.ts';
import { readResponses } from './read-responses.ts';

/** A request and its answer as people read them: turns of parts, whatever the dialect. */
export interface Turn {
  readonly role: string;
  readonly parts: readonly Part[];
  /** True for what the model answered, false for what it was given. */
  readonly isAnswer: boolean;
}

export type Part =
  | { readonly kind: 'text' | 'reasoning' | 'refusal'; readonly text: string }
  | { readonly kind: 'image'; readonly url: string }
  /** A document or a sound: what it is called and what is known of it; its words where they are here. */
  | { readonly kind: 'file'; readonly name: string; readonly note: string; readonly words: string }
  | {
      readonly kind: 'toolCall';
      readonly id: string;
      readonly name: string;
      readonly input: unknown;
      readonly result: string | null;
      /** The provider ran the tool itself. */
      readonly isProviders?: true;
      readonly isError?: true;
    }
  | { readonly kind: 'toolResult'; readonly id: string; readonly text: string; readonly isError?: true }
  | { readonly kind: 'citation'; readonly title: string; readonly url: string; readonly quote?: string }
  /** Embeddings: how many and how long, and the beginning of the first. */
  | {
      readonly kind: 'vectors';
      readonly count: number;
      readonly dimensions: number;
      readonly first: readonly number[];
    }
  | { readonly kind: 'other'; readonly label: string; readonly value: unknown };

/** What a dialect's request and answer say, in order; empty when they are no conversation. */
export type ConversationReader = (request: Json, response: Json) => readonly Turn[];

const readers: Readonly<Record<string, ConversationReader>> = {
  'openai-chat': readChat,
  'openai-completions': readCompletions,
  'openai-responses': readResponses,
  'openai-embeddings': readEmbeddings,
  'anthropic-messages': readMessages,
  'anthropic-count-tokens': readMessages,
  'gemini-generate-content': readGemini,
  'gemini-count-tokens': readGemini,
  'gemini-embeddings': readGeminiEmbeddings,
};

export interface Said {
  readonly dialect: string;
  readonly request: unknown;
  readonly response: unknown;
}

/**
 * Reads what was said in the dialect of the caller. What a reader does not know becomes a part `other`: nothing is left
 * out in silence. Results of tools stand with the calls that they answer. Null when it is no conversation.
 */
export function toConversation({ dialect, request, response }: Said): readonly Turn[] | null {
  const [asked, answered] = [isJson(request) ? request : {}, isJson(response) ? response : {}];
  const reader = own(readers, dialect) ?? readerFor(asked, answered);
  const turns = reader(asked, answered);
  return turns.length > 0 ? joinResults(turns) : null;
}

/** For spans that came without a dialect that is known: which one they look like. */
function readerFor(request: Json, response: Json): ConversationReader {
  if ('contents' in request || 'candidates' in response) return readGemini;
  if ('output' in response || ('input' in request && !('data' in response))) return readResponses;
  if ('input' in request) return readEmbeddings;
  if ('prompt' in request) return readCompletions;
  if ('system' in request || Array.isArray(response['content'])) return readMessages;
  return readChat;
}

/** Puts each result into the call that it answers; a turn that has nothing left is gone. */
function joinResults(turns: readonly Turn[]): Turn[] {
  const results = new Map<string, Part & { kind: 'toolResult' }>();
  const calls = new Set<string>();
  for (const { parts } of turns) {
    for (const part of parts) {
      if (part.kind === 'toolResult' && part.id !== '') results.set(part.id, part);
      if (part.kind === 'toolCall' && part.id !== '') calls.add(part.id);
    }
  }
  const join = (part: Part): Part => {
    const result = part.kind === 'toolCall' ? results.get(part.id) : undefined;
    if (!result || part.kind !== 'toolCall') return part;
    return { ...part, result: result.text, ...(result.isError && { isError: true }) };
  };
  return turns
    .map((turn) => ({
      ...turn,
      parts: turn.parts.filter((part) => part.kind !== 'toolResult' || !calls.has(part.id)).map(join),
    }))
    .filter(({ parts }, index) => parts.length > 0 || turns[index]?.parts.length === 0);
}
