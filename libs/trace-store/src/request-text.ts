/** What a request says: every text of it for search, and the last user message for lists. */
export interface RequestText {
  readonly text: string;
  readonly lastUserText: string;
}

const nothing: RequestText = { text: '', lastUserText: '' };
const messagesMax = 10_000;

/**
 * Reads the words of a request body in any of the known dialects: `messages` with text or parts, `system`,
 * `instructions`, and `input` or `prompt` as text, texts or items. What is not understood is passed over.
 */
export function requestText(bytes: Buffer): RequestText {
  const body = parseObject(bytes);
  if (!body) return nothing;
  const texts = [...textsOf(body['system']), ...textsOf(body['instructions'])];
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
  if (typeof source === 'string') return [{ role: 'user', content: source }];
  if (!Array.isArray(source)) return [];
  return source.slice(0, messagesMax).map((item: unknown) => {
    if (typeof item === 'string') return { role: 'user', content: item };
    const turn = asObject(item);
    const role = turn?.['role'];
    return { role: typeof role === 'string' ? role : '', content: turn?.['content'] ?? turn?.['output'] };
  });
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
