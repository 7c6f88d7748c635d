import { parseExactJson } from '@loom/trace-schema';
import { numberOf, record, records, text } from '../json-values.ts';
import { noSignature } from './gemini-request.ts';
import { camelMembers, camelRecord, itemsOf } from './gemini-members.ts';
import { openThought, sealedBeginning, sealedText } from './thought-seal.ts';

type Json = Readonly<Record<string, unknown>>;

/** Facts of a request of the Gemini API that are not scalars of its settings: counts, and how the model thinks. */
export function geminiFacts(body: Json): Record<string, string | number> {
  const { contents, tools, generationConfig } = camelMembers(body);
  const thinking = camelRecord(camelRecord(generationConfig)?.thinkingConfig);
  const budget = numberOf(thinking?.thinkingBudget);
  const level = text(thinking?.thinkingLevel);
  const functions = itemsOf(tools).map(
    (tool) => itemsOf(camelRecord(tool)?.functionDeclarations).length || 1,
  );
  return {
    ...(contents === undefined ? {} : { message_count: itemsOf(contents).length }),
    ...(functions.length > 0 ? { tool_count: functions.reduce((sum, count) => sum + count, 0) } : {}),
    ...(budget === null ? {} : { thinking_budget: budget }),
    ...(level === null ? {} : { thinking_level: level.slice(0, 64) }),
  };
}

/**
 * The body with the provider's name of the model wherever it names one: as `model`, in what tokens are counted of, and in
 * each of several requests for embeddings. The same bytes where it names none, or that one already.
 */
function nameModel(bytes: Buffer, model: string): Buffer {
  if (!bytes.includes('"model"')) return bytes;
  const name = `models/${model}`;
  const named = (value: Json): Json =>
    typeof value.model === 'string' && value.model !== name ? { ...value, model: name } : value;
  const body = record(parseExactJson(bytes.toString('utf8'))) ?? {};
  const changed = { ...named(body) };
  for (const member of ['generateContentRequest', 'generate_content_request']) {
    const inner = record(body[member]);
    if (inner) changed[member] = named(inner);
  }
  if (Array.isArray(body.requests) && records(body.requests).length === body.requests.length)
    changed.requests = records(body.requests).map(named);
  const text = JSON.stringify(changed);
  return text === JSON.stringify(body) ? bytes : Buffer.from(text);
}

/**
 * The body for a model of Google: with its name, and with a signature of Google's where Loom had sealed the thoughts of
 * another model. The same bytes where there is nothing to change.
 */
export function fitGeminiBody(bytes: Buffer, model: string): Buffer {
  return withoutSeals(nameModel(bytes, model));
}

function withoutSeals(bytes: Buffer): Buffer {
  if (!bytes.includes(sealedBeginning)) return bytes;
  const text = bytes.toString('utf8').replaceAll(sealedText, (whole, sealed: string) => {
    const opened = openThought(sealed);
    return opened ? JSON.stringify(opened.signature ?? noSignature) : whole;
  });
  return Buffer.from(text);
}
