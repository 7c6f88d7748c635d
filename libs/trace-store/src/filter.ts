/**
 * What a list may be narrowed by. A filter is a tree of comparisons on spans; the text that people type is parsed
 * elsewhere. Drivers bind every value as a parameter and take identifiers only from their own table of fields.
 */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | Comparison;

export interface Comparison {
  readonly field: FilterField;
  readonly operator: FilterOperator;
  /** A string for text fields, a number (or its decimal text) for number fields; ignored by `exists`. */
  readonly value: string | number;
}

/**
 * `=` and `!=` are for every field and exact; the four orders are for number fields; `contains` (without regard to
 * case) and `startsWith` are for text fields; `exists` means known: not '' and, for numbers, not absent.
 */
export const filterOperators = ['=', '!=', '>', '>=', '<', '<=', 'contains', 'startsWith', 'exists'] as const;
export type FilterOperator = (typeof filterOperators)[number];

/**
 * The fields by name and kind of value.
 * - `model`: the model that answered, or the one asked for when none did. `requestModel`: the one asked for.
 * - `status`: only `=` and `!=` with `ok` (completed and below 400), `error` (failed, interrupted, refused, or a
 *   status of 400 and above), an outcome word, or an HTTP status; the four orders with an HTTP status.
 * - `cost`: US dollars, from the cost rows alone; a span without one matches no comparison on cost but `!=`.
 * - `latency`, `ttft`: milliseconds.
 * - `tokens`, `inputTokens`, `outputTokens`: inclusive counts.
 * - `finishReason`: any of the span's reasons. `error`: the error type; `errorMessage` its text.
 * - `text`: only `contains`: all words of the value occur in the request, or all in the answer. Needs a time range.
 */
export const filterFields = {
  model: 'text',
  requestModel: 'text',
  provider: 'text',
  operation: 'text',
  outcome: 'text',
  status: 'status',
  cost: 'number',
  latency: 'number',
  ttft: 'number',
  tokens: 'number',
  inputTokens: 'number',
  outputTokens: 'number',
  user: 'text',
  session: 'text',
  key: 'text',
  environment: 'text',
  release: 'text',
  agent: 'text',
  workflow: 'text',
  prompt: 'text',
  finishReason: 'list',
  error: 'text',
  errorMessage: 'text',
  trace: 'text',
  span: 'text',
  text: 'content',
} as const satisfies Record<string, 'text' | 'number' | 'status' | 'list' | 'content'>;

export type FilterField = keyof typeof filterFields | `metadata.${string}`;

/** Comparisons in one filter, and its depth. More is `invalid_request`. */
export const filterComparisonsMax = 100;
export const filterDepthMax = 16;

/** True for a field name that a filter may hold. Metadata keys are any text of 1 to 128 characters. */
export function isFilterField(name: string): name is FilterField {
  if (Object.hasOwn(filterFields, name)) return true;
  return name.startsWith('metadata.') && name.length > 9 && name.length <= 137;
}
