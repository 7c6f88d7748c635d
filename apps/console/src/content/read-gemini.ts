import type { ConversationReader, Part, Turn } from './conversation.ts';
import { citationsOf, isJson, type Json, list, other, partsOf, toolCall, turn, words } from './read-parts.ts';

/**
 * The Gemini API: `systemInstruction` and `contents` of parts in, `candidates` or a count of tokens out. Calls are often
 * without ids: a result then belongs to the first call of its function that has none yet.
 */
export const readGemini: ConversationReader = (request, response) => {
  const counted = member(request, 'generateContentRequest', 'generate_content_request');
  const asked = isJson(counted) ? counted : request;
  const calls = new Calls();
  const instruction = member(asked, 'systemInstruction', 'system_instruction');
  return [
    ...(instruction === undefined || instruction === null
      ? []
      : [turn('system', contentParts(instruction, calls), false)]),
    ...items(asked['contents']).map((content) => turnOfContent(content, calls, false)),
    ...list(response['candidates']).flatMap((candidate) => answerOf(candidate, calls)),
    ...(typeof response['totalTokens'] === 'number'
      ? [turn('count', [other('totalTokens', response['totalTokens'])], true)]
      : []),
  ];
};

/** Ids for calls and results that have none. */
class Calls {
  #made = 0;
  readonly #open: { readonly id: string; readonly name: string }[] = [];

  call(own: string, name: string): string {
    const id = own === '' ? `call ${(this.#made += 1)}` : own;
    this.#open.push({ id, name });
    return id;
  }

  result(own: string, name: string): string {
    const at = this.#open.findIndex((call) => (own === '' ? call.name === name : call.id === own));
    const [found] = at < 0 ? [] : this.#open.splice(at, 1);
    return found?.id ?? own;
  }
}

function answerOf(candidate: unknown, calls: Calls): Turn[] {
  if (!isJson(candidate)) return [turn('unknown', [other('candidate', candidate)], true)];
  const { parts, role } = turnOfContent(candidate['content'] ?? {}, calls, true);
  const grounding = candidate['groundingMetadata'];
  const chunks = isJson(grounding) ? list(grounding['groundingChunks']) : [];
  const citations = chunks.flatMap((chunk) => {
    const web = isJson(chunk) && isJson(chunk['web']) ? chunk['web'] : null;
    return web ? citationsOf({ url: web['uri'], title: web['title'] }) : [other('citation', chunk)];
  });
  return [turn(role, [...parts, ...citations], true)];
}

function turnOfContent(content: unknown, calls: Calls, isAnswer: boolean): Turn {
  const role = isJson(content) ? words(content['role'], isAnswer ? 'model' : 'user') : 'user';
  return turn(role === 'model' ? 'assistant' : role, contentParts(content, calls), isAnswer);
}

function contentParts(content: unknown, calls: Calls): Part[] {
  if (typeof content === 'string') return partsOf(content);
  if (!isJson(content)) return [other('content', content)];
  return joined(items(content['parts']).flatMap((part) => partOf(part, calls)));
}

/** The API takes the names of members in two spellings. */
function member(object: Json, camel: string, snake: string): unknown {
  return object[camel] ?? object[snake];
}

function items(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function partOf(part: unknown, calls: Calls): Part[] {
  if (!isJson(part)) return [other('part', part)];
  const call = member(part, 'functionCall', 'function_call');
  if (isJson(call)) {
    const name = words(call['name'], 'unknown');
    return toolCall({ id: calls.call(words(call['id']), name), name, input: call['args'] });
  }
  const result = member(part, 'functionResponse', 'function_response');
  if (isJson(result)) return resultOf(result, calls);
  const inline = member(part, 'inlineData', 'inline_data');
  if (isJson(inline)) return inlineOf(inline);
  const file = member(part, 'fileData', 'file_data');
  if (isJson(file)) {
    const uri = words(member(file, 'fileUri', 'file_uri'));
    return [{ kind: 'file', name: uri, note: words(member(file, 'mimeType', 'mime_type')), words: '' }];
  }
  const code = member(part, 'executableCode', 'executable_code');
  if (isJson(code)) return [{ kind: 'text', text: words(code['code']) }];
  const output = member(part, 'codeExecutionResult', 'code_execution_result');
  if (isJson(output)) return [{ kind: 'text', text: words(output['output']) || words(output['outcome']) }];
  const { text } = part;
  if (typeof text !== 'string') return [other('part', part)];
  if (part['thought'] === true) return [{ kind: 'reasoning', text }];
  return text === '' ? [] : [{ kind: 'text', text }];
}

function resultOf(result: Json, calls: Calls): Part[] {
  const { response, parts } = result;
  const id = calls.result(words(result['id']), words(result['name']));
  const said = isJson(response) ? (response['output'] ?? response['error'] ?? response) : response;
  const text = typeof said === 'string' ? said : JSON.stringify(said ?? '');
  const isError = isJson(response) && response['error'] !== undefined;
  const media = items(parts).flatMap((part) => partOf(part, calls));
  return [{ kind: 'toolResult', id, text, ...(isError && { isError: true }) }, ...media];
}

function inlineOf(inline: Json): Part[] {
  const type = words(member(inline, 'mimeType', 'mime_type'));
  if (type.startsWith('image/'))
    return [{ kind: 'image', url: `data:${type};base64,${words(inline['data'])}` }];
  const name =
    words(member(inline, 'displayName', 'display_name')) || (type.startsWith('audio/') ? 'Audio' : 'File');
  return [{ kind: 'file', name, note: type, words: '' }];
}

/** Pieces of a thought are one thought. */
function joined(parts: readonly Part[]): Part[] {
  const whole: Part[] = [];
  for (const part of parts) {
    const last = whole.at(-1);
    if (part.kind === 'reasoning' && last?.kind === 'reasoning')
      whole[whole.length - 1] = { kind: 'reasoning', text: last.text + part.text };
    else whole.push(part);
  }
  return whole;
}
