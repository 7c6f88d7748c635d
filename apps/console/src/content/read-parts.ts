import { own } from '../format/own.ts';
import type { Part, Turn } from './conversation.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A content as any dialect writes it: a text, or a list of texts and typed parts. */
export function partsOf(content: unknown): Part[] {
  if (content === undefined || content === null || content === '') return [];
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) return isJson(content) ? partsOfItem(content) : [other('content', content)];
  return content.flatMap((part: unknown) =>
    typeof part === 'string' ? partsOf(part) : isJson(part) ? partsOfItem(part) : [other('content', part)],
  );
}

/** A typed part or item. The dialects use one name for one thing, so that one table reads them all. */
export function partsOfItem(item: Json): Part[] {
  const type = words(item['type'], 'part');
  const read = own(itemReaders, type) ?? (type.endsWith('_tool_result') ? toolResult : null);
  return read ? read(item) : [other(type, item)];
}

const itemReaders: Readonly<Record<string, (item: Json) => Part[]>> = {
  text: textPart,
  input_text: textPart,
  output_text: textPart,
  summary_text: textPart,
  reasoning_text: textPart,
  refusal: ({ refusal }) => [{ kind: 'refusal', text: words(refusal) }],

  reasoning: ({ summary, content, text }) => [
    { kind: 'reasoning', text: words(text) || textOf(content) || textOf(summary) },
  ],
  thinking: ({ thinking }) => [{ kind: 'reasoning', text: words(thinking) }],
  redacted_thinking: () => [{ kind: 'reasoning', text: '' }],

  image_url: image,
  input_image: image,
  image,
  computer_screenshot: image,
  input_audio: ({ input_audio: audio }) => [
    file({ name: 'Audio', note: isJson(audio) ? words(audio['format']) : '' }),
  ],
  input_file: document,
  file: ({ file: inner }) => document(isJson(inner) ? inner : {}),
  document,
  container_upload: ({ file_id: id }) => [file({ name: words(id), note: 'uploaded to the container' })],
  search_result: ({ title, source, content }) => [
    file({ name: words(title), note: words(source), words: textOf(content) }),
  ],

  tool_use: toolCall,
  function: toolCall,
  custom: toolCall,
  function_call: toolCall,
  custom_tool_call: toolCall,
  tool_result: toolResult,
  function_call_output: toolResult,
  custom_tool_call_output: toolResult,

  server_tool_use: providersCall,
  mcp_tool_use: (item) => providersCall({ ...item, name: joined(item['server_name'], item['name']) }),
  mcp_call: (item) => [
    ...providersCall({ ...item, name: joined(item['server_label'], item['name']), output: item['output'] ?? item['error'] }), // prettier-ignore
  ],
  web_search_call: ({ id, action }) => {
    const { sources, ...input } = isJson(action) ? action : {};
    return providersCall({ id, name: 'web_search', input, output: sources });
  },
  file_search_call: ({ id, queries, results }) =>
    providersCall({ id, name: 'file_search', input: { queries }, output: results }),
  code_interpreter_call: ({ id, code, outputs }) =>
    providersCall({ id, name: 'code_interpreter', input: code, output: outputs }),
  image_generation_call: ({ id, result, output_format: format, revised_prompt: prompt, ...rest }) => [
    ...providersCall({ id, name: 'image_generation', input: { prompt, size: rest['size'], quality: rest['quality'] }, output: rest['status'] }), // prettier-ignore
    ...(typeof result === 'string'
      ? [{ kind: 'image' as const, url: `data:image/${words(format, 'png')};base64,${result}` }]
      : []),
  ],
  computer_call: ({ call_id: id, action }) => toolCall({ id, name: 'computer', input: action }),
  computer_call_output: toolResult,
  local_shell_call: ({ call_id: id, action }) => toolCall({ id, name: 'local_shell', input: action }),
  local_shell_call_output: ({ id, output }) => toolResult({ call_id: id, output }),
  shell_call: ({ call_id: id, action }) => toolCall({ id, name: 'shell', input: action }),
  shell_call_output: toolResult,
  apply_patch_call: ({ call_id: id, operation }) => toolCall({ id, name: 'apply_patch', input: operation }),
  apply_patch_call_output: toolResult,
};

function textPart(item: Json): Part[] {
  const notes = [...list(item['annotations']), ...list(item['citations'])].flatMap(citationsOf);
  return [{ kind: 'text', text: words(item['text']) }, ...notes];
}

/** A call that the caller is to run; the names of its members differ by dialect. */
export function toolCall(call: Json): Part[] {
  const inner = [call['function'], call['custom']].find(isJson) ?? call;
  return [
    {
      kind: 'toolCall',
      id: words(call['call_id'] ?? call['id']),
      name: words(inner['name'], 'unknown'),
      input: parsed(inner['arguments'] ?? inner['input'] ?? {}),
      result: null,
    },
  ];
}

/** A call that the provider ran itself; its result may stand in it. */
function providersCall(call: Json): Part[] {
  const output = call['output'];
  const result = output === undefined || output === null || output === '' ? null : resultText(output);
  const failed = typeof call['error'] === 'object' && call['error'] !== null;
  return toolCall(call).map((part) =>
    part.kind === 'toolCall'
      ? { ...part, result, isProviders: true, ...(failed && { isError: true }) }
      : part,
  );
}

/** What a result says in words goes to its call; images and files stay where the result stood. */
export function toolResult(item: Json): Part[] {
  const id = words(item['tool_use_id'] ?? item['call_id'] ?? item['tool_call_id']);
  const content = item['content'] ?? item['output'] ?? '';
  const parts = isPartList(content) ? partsOf(content) : [];
  const shown = parts.filter(({ kind }) => kind === 'image' || kind === 'file');
  const text = parts.length > 0 ? texts(parts.filter((part) => !shown.includes(part))) : resultText(content);
  const isError = item['is_error'] === true || (isJson(content) && 'error_code' in content);
  return [{ kind: 'toolResult', id, text, ...(isError && { isError: true }) }, ...shown];
}

const isPartList = (content: unknown): boolean =>
  Array.isArray(content) && content.every((part) => isJson(part) && own(itemReaders, words(part['type'])));

function resultText(output: unknown): string {
  return typeof output === 'string' ? output : JSON.stringify(output);
}

export function citationsOf(annotation: unknown): Part[] {
  if (!isJson(annotation)) return [other('citation', annotation)];
  const body = isJson(annotation['url_citation']) ? annotation['url_citation'] : annotation;
  const { url, title, document_title: document, filename, source, file_id: id, cited_text: quote } = body;
  const place = words(url) || words(source);
  const name = [title, document, filename, id].map((value) => words(value)).find(Boolean) ?? place;
  if (name === '' && place === '') return [other('citation', annotation)];
  return [{ kind: 'citation', title: name, url: place, ...(typeof quote === 'string' && { quote }) }];
}

function image(part: Json): Part[] {
  const { image_url: given, source, file_id: id } = part;
  if (typeof given === 'string') return [{ kind: 'image', url: given }];
  if (isJson(given) && typeof given['url'] === 'string') return [{ kind: 'image', url: given['url'] }];
  if (isJson(source) && (typeof source['url'] === 'string' || typeof source['data'] === 'string')) {
    const { url, media_type: type, data } = source;
    return [{ kind: 'image', url: typeof url === 'string' ? url : `data:${words(type)};base64,${words(data)}` }]; // prettier-ignore
  }
  const stored = isJson(source) ? source['file_id'] : id;
  if (typeof stored === 'string') return [file({ name: stored, note: 'an image stored by the provider' })];
  return [other('image', part)];
}

function document(part: Json): Part[] {
  const source = isJson(part['source']) ? part['source'] : {};
  const { filename, title, file_id: id, file_url: url } = part;
  const name = [title, filename, url, source['url'], id, source['file_id']]
    .map((value) => words(value))
    .find(Boolean);
  const inline = source['type'] === 'text' ? words(source['data']) : textOf(source['content']);
  const note = words(source['media_type']) || mediaTypeOf(words(part['file_data']));
  return [file({ name: name ?? 'Document', note, words: inline })];
}

function file({ name, note, words = '' }: { name: string; note: string; words?: string }): Part {
  return { kind: 'file', name, note, words };
}

const mediaTypeOf = (dataUrl: string): string => /^data:([^;,]+)/.exec(dataUrl)?.[1] ?? '';

/** The words of a content; what has none is shown as JSON. */
function textOf(content: unknown): string {
  return texts(partsOf(content));
}

function texts(parts: readonly Part[]): string {
  return parts
    .map((part) => ('text' in part ? part.text : JSON.stringify(part.kind === 'other' ? part.value : part)))
    .join('\n');
}

function joined(...names: readonly unknown[]): string {
  return names
    .map((name) => words(name))
    .filter(Boolean)
    .join('.');
}

function parsed(text: unknown): unknown {
  if (typeof text !== 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // a model may write what is no JSON
  }
}

export function other(label: string, value: unknown): Part {
  return { kind: 'other', label, value };
}

export function turn(role: string, parts: readonly Part[], isAnswer: boolean): Turn {
  return { role, parts, isAnswer };
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function words(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}
