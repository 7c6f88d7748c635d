import { numberOf, parseRecord, records, text } from './json-values.ts';

/** A model as a provider lists it; null for what it does not tell. */
export interface ListedModel {
  readonly id: string;
  readonly displayName: string | null;
  /** Unix seconds. */
  readonly created: number | null;
  /** The longest input, tokens. */
  readonly contextLength: number | null;
  /** The last day on which it answers, `YYYY-MM-DD`. */
  readonly shutdownDate: string | null;
}

type Row = Readonly<Record<string, unknown>>;

/*
 * What the lists call it. OpenRouter, Cohere, Together; Mistral, LM Studio; Groq; vLLM; Anthropic; Gemini. Sources: the
 * API references of the providers ("list models"), vllm/entrypoints/openai (ModelCard).
 */
const contextLengthNames = [
  ...['context_length', 'max_context_length', 'context_window', 'max_model_len', 'max_input_tokens'],
  'inputTokenLimit',
];
/** OpenAI (developers.openai.com/api/docs/deprecations); Mistral. */
const shutdownNames = ['shutdown_date', 'deprecation'];
/** OpenAI and most; Anthropic. */
const createdNames = ['created', 'created_at'];
const displayNames = ['display_name', 'displayName', 'name'];

/** The models that a provider lists: `{ data: { id }[] }`, or `{ models: { name }[] }` at Google and Cohere; null: no list. */
export function readModelList(body: string): ListedModel[] | null {
  const list = parseRecord(body);
  if (Array.isArray(list?.data))
    return records(list.data).flatMap((row) => listedModel(text(row.id), row) ?? []);
  if (!Array.isArray(list?.models)) return null;
  return records(list.models).flatMap(
    (row) => listedModel(text(row.name)?.replace(/^models\//, '') ?? null, row) ?? [],
  );
}

function listedModel(id: string | null, row: Row): ListedModel | null {
  if (id === null) return null;
  const told = <Value>(names: readonly string[], read: (value: unknown) => Value | null) =>
    names.map((name) => read(row[name])).find((value) => value !== null) ?? null;
  const contextLength = told(contextLengthNames, numberOf);
  return {
    ...{ id, displayName: told(displayNames, text), created: told(createdNames, unixSeconds) },
    contextLength: contextLength !== null && contextLength > 0 ? Math.trunc(contextLength) : null,
    shutdownDate: told(shutdownNames, day),
  };
}

/** Of a number of seconds, or a time in ISO 8601. */
function unixSeconds(value: unknown): number | null {
  const seconds = typeof value === 'string' ? Date.parse(value) / 1000 : numberOf(value);
  return seconds !== null && Number.isFinite(seconds) && seconds > 0 ? Math.trunc(seconds) : null;
}

function day(value: unknown): string | null {
  return /^\d{4}-\d{2}-\d{2}/.exec(text(value) ?? '')?.[0] ?? null;
}
