/** What a request says: every text of it for search, and the last user message for lists. */
export interface RequestText {
  readonly text: string;
  readonly lastUserText: string;
}

const nothing: RequestText = { text: '', lastUserText: '' };
const messagesMax = 10_000;

/**
 * Reads the words of a request body in any of the known dialects: `messages` with text or parts, `system`,
 * `instructions`, and `input` or `prompt` as text, texts or items; of Gemini's `systemInstruction` and `contents`, which
 * have `parts`, and what is to be counted or embedded. What is not understood is passed over.
 */
export function requestText(bytes: Buffer): RequestText {
  const whole = parseObject(bytes);
  if (!whole) return nothing;
  const body = asObject(whole['generateContentRequest']) ?? whole;
  const instruction = asObject(body['systemInstruction'] ?? body['system_instruction'])?.['parts'];
  const texts = [body['system'], body['instructions'], listOf(instruction)].flatMap(textsOf);
  let lastUserText = '';
  for (const turn of turnsOf(body)) {
    const text = textsOf(turn.content).join('\n');
    if (text !== '') texts.push(text);
    if (turn.role === 'user' && text !== '') lastUserText = text;
  }
  return { text: texts.join('\n'), lastUserText };
}

function turnsOf(body: Record<string, unknown>): { role: string; content: unknown }[] {
  const source = body['messages'] ?? body['input'] ?? body['prompt'];
  if (source === undefined) return contentsOf(body).slice(0, messagesMax).map(contentTurn);
  if (typeof source === 'string') return [{ role: 'user', content: source }];
  if (!Array.isArray(source)) return [];
  return source.slice(0, messagesMax).map((item: unknown) => {
    if (typeof item === 'string') return { role: 'user', content: item };
    const turn = asObject(item);
    const role = turn?.['role'];
    return { role: typeof role === 'string' ? role : '', content: turn?.['content'] ?? turn?.['output'] };
  });
}

/** Gemini's contents, or those of each of several requests. One may stand in place of a list of one. */
function contentsOf({ contents, content, requests }: Record<string, unknown>): unknown[] {
  if (Array.isArray(requests)) return requests.map((one: unknown) => asObject(one)?.['content']);
  return listOf(contents ?? content);
}

/** A turn of Gemini's; without a role it is the user's. */
function contentTurn(item: unknown): { role: string; content: unknown } {
  const content = asObject(item);
  const role = content?.['role'];
  return { role: typeof role === 'string' ? role : 'user', content: listOf(content?.['parts']) };
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** A text, or the texts of a list of parts. */
function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part: unknown) => {
    const text = typeof part === 'string' ? part : asObject(part)?.['text'];
    return typeof text === 'string' ? [text] : [];
  });
}

function parseObject(bytes: Buffer): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(bytes.toString('utf8')));
  } catch {
    return null;
  }
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}
