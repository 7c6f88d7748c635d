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
  | {
      readonly kind: 'toolCall';
      readonly id: string;
      readonly name: string;
      readonly input: unknown;
      readonly result: string | null;
    }
  | { readonly kind: 'toolResult'; readonly id: string; readonly text: string }
  | { readonly kind: 'citation'; readonly title: string; readonly url: string }
  | { readonly kind: 'other'; readonly label: string; readonly value: unknown };

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads chat completions (`messages`, `choices`), Anthropic messages (`system`, `content` blocks) and responses
 * (`instructions`, `input`, `output`). What it does not know becomes a part `other`: nothing is left out in silence.
 * Results of tools stand with the calls that they answer. Null when it is no conversation.
 */
export function toConversation(request: unknown, response: unknown): readonly Turn[] | null {
  const asked = isJson(request) ? turnsOfRequest(request) : [];
  const answered = isJson(response) ? turnsOfAnswer(response) : [];
  const turns = [...asked, ...answered];
  return turns.length > 0 ? joinResults(turns) : null;
}

function turnsOfRequest(request: Json): Turn[] {
  const turns: Turn[] = [];
  const lead = request['system'] ?? request['instructions'];
  if (lead !== undefined && lead !== null) turns.push(turn('system', partsOf(lead), false));
  const items = request['messages'] ?? request['input'];
  if (typeof items === 'string') turns.push(turn('user', partsOf(items), false));
  for (const item of list(items)) turns.push(turnOf(item, false));
  return turns;
}

function turnsOfAnswer(response: Json): Turn[] {
  const choices = list(response['choices']);
  if (choices.length > 0)
    return choices.flatMap((choice) =>
      isJson(choice) && choice['message'] !== undefined ? [turnOf(choice['message'], true)] : [],
    );
  const output = list(response['output']);
  if (output.length > 0) return output.map((item) => turnOf(item, true));
  if (typeof response['output'] === 'string') return [turn('assistant', partsOf(response['output']), true)];
  if (Array.isArray(response['content'])) return [turnOf(response, true)];
  return [];
}

function turnOf(item: unknown, isAnswer: boolean): Turn {
  if (!isJson(item)) return turn('unknown', [{ kind: 'other', label: 'item', value: item }], isAnswer);
  const role =
    typeof item['role'] === 'string'
      ? item['role']
      : isAnswer
        ? 'assistant'
        : typeof item['type'] === 'string'
          ? roleOfItem(item['type'])
          : 'unknown';
  const toolCallId = item['tool_call_id'];
  if (typeof toolCallId === 'string')
    return turn(role, [{ kind: 'toolResult', id: toolCallId, text: textOf(item['content']) }], isAnswer);
  const reasoning = item['reasoning_content'] ?? item['reasoning'];
  const parts: Part[] = [];
  if (typeof reasoning === 'string' && reasoning !== '') parts.push({ kind: 'reasoning', text: reasoning });
  if (item['content'] !== undefined && item['content'] !== null) parts.push(...partsOf(item['content']));
  else if (typeof item['type'] === 'string') parts.push(partOf(item));
  if (typeof item['refusal'] === 'string') parts.push({ kind: 'refusal', text: item['refusal'] });
  for (const call of list(item['tool_calls'])) parts.push(toolCallOf(call));
  if (isJson(item['function_call'])) parts.push(toolCallOf({ function: item['function_call'] }));
  for (const annotation of list(item['annotations'])) parts.push(...citationOf(annotation));
  return turn(role, parts, isAnswer);
}

function roleOfItem(type: string): string {
  return type.endsWith('_output') ? 'tool' : type === 'message' ? 'user' : 'assistant';
}

function partsOf(content: unknown): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
  if (Array.isArray(content))
    return content.flatMap((part) =>
      typeof part === 'string'
        ? partsOf(part)
        : isJson(part)
          ? [partOf(part), ...list(part['annotations'] ?? part['citations']).flatMap(citationOf)]
          : [{ kind: 'other', label: 'content', value: part as unknown }],
    );
  return [{ kind: 'other', label: 'content', value: content }];
}

function partOf(part: Json): Part {
  const isText = (value: unknown): value is string => typeof value === 'string';
  const text = [part['text'], part['thinking'], part['refusal']].find(isText);
  switch (part['type']) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return { kind: 'text', text: text ?? '' };
    case 'thinking':
      return { kind: 'reasoning', text: text ?? '' };
    case 'reasoning':
      return {
        kind: 'reasoning',
        text:
          text ??
          list(part['summary'])
            .map((entry) => (isJson(entry) ? words(entry['text']) : ''))
            .join('\n'),
      };
    case 'refusal':
      return { kind: 'refusal', text: text ?? '' };
    case 'image_url':
    case 'input_image':
    case 'image':
      return { kind: 'image', url: imageUrlOf(part) };
    case 'tool_use':
    case 'function_call':
    case 'function':
      return toolCallOf(part);
    case 'tool_result':
      return { kind: 'toolResult', id: words(part['tool_use_id']), text: textOf(part['content']) };
    case 'function_call_output':
      return { kind: 'toolResult', id: words(part['call_id']), text: textOf(part['output']) };
    default:
      return { kind: 'other', label: words(part['type'], 'part'), value: part };
  }
}

function toolCallOf(call: unknown): Part {
  if (!isJson(call)) return { kind: 'other', label: 'tool call', value: call };
  const body = isJson(call['function']) ? call['function'] : call;
  const input = body['arguments'] ?? body['input'] ?? {};
  const id = call['call_id'] ?? call['id'] ?? '';
  return {
    kind: 'toolCall',
    id: words(id),
    name: words(body['name'], 'unknown'),
    input: parsed(input),
    result: null,
  };
}

function citationOf(annotation: unknown): Part[] {
  if (!isJson(annotation)) return [];
  const body = isJson(annotation['url_citation']) ? annotation['url_citation'] : annotation;
  const url = words(body['url']);
  return [{ kind: 'citation', title: words(body['title'] ?? body['document_title'], url), url }];
}

function imageUrlOf(part: Json): string {
  const { image_url: image, source } = part;
  if (typeof image === 'string') return image;
  if (isJson(image) && typeof image['url'] === 'string') return image['url'];
  if (isJson(source)) {
    return typeof source['url'] === 'string'
      ? source['url']
      : `data:${String(source['media_type'])};base64,${String(source['data'])}`;
  }
  return '';
}

/** Puts each result into the call that it answers; a turn that has nothing left is gone. */
function joinResults(turns: readonly Turn[]): Turn[] {
  const results = new Map<string, string>();
  const calls = new Set<string>();
  for (const { parts } of turns) {
    for (const part of parts) {
      if (part.kind === 'toolResult' && part.id !== '') results.set(part.id, part.text);
      if (part.kind === 'toolCall' && part.id !== '') calls.add(part.id);
    }
  }
  return turns
    .map((turn) => ({
      ...turn,
      parts: turn.parts
        .filter((part) => part.kind !== 'toolResult' || !calls.has(part.id))
        .map((part) => (part.kind === 'toolCall' ? { ...part, result: results.get(part.id) ?? null } : part)),
    }))
    .filter(({ parts }, index) => parts.length > 0 || turns[index]?.parts.length === 0);
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = partsOf(content ?? '');
  return parts
    .map((part) => ('text' in part ? part.text : JSON.stringify(part.kind === 'other' ? part.value : part)))
    .join('\n');
}

function parsed(text: unknown): unknown {
  if (typeof text !== 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // a model may write what is no JSON
  }
}

function turn(role: string, parts: readonly Part[], isAnswer: boolean): Turn {
  return { role, parts, isAnswer };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function words(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}
