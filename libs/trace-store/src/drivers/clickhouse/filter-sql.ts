import { LoomError } from '@loom/errors';
import {
  type Comparison,
  type Filter,
  filterComparisonsMax,
  filterDepthMax,
  filterFields,
  type FilterOperator,
  isFilterField,
} from '../../filter.ts';
import { searchedWords } from '../../search-words.ts';
import type { BoundParams } from './bound-params.ts';
import { newestCostOfEach } from './newest-cost.ts';

/** The project and time bounds of the read, as a condition that fits every table with `project_id` and `start_time`. */
export interface FilterScope {
  readonly params: BoundParams;
  readonly bounds: string;
  /** The same a little longer: a request's words have the time of its acceptance, after the span's start. */
  readonly textBounds: string;
  readonly isTimeBounded: boolean;
}

const columns: Record<Exclude<keyof typeof filterFields, 'status' | 'cost' | 'text'>, string> = {
  model: 'model',
  requestModel: 'request_model',
  provider: 'provider',
  operation: 'operation',
  outcome: 'outcome',
  latency: 'duration_nanos / 1e6',
  ttft: 'time_to_first_chunk_nanos / 1e6',
  tokens: '(input_tokens + output_tokens)',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  user: 'user_id',
  session: 'session_id',
  key: 'key_id',
  environment: 'environment',
  release: 'release',
  agent: 'agent_name',
  workflow: 'workflow_name',
  prompt: 'prompt_name',
  finishReason: 'finish_reasons',
  error: 'error_type',
  errorMessage: 'error_message',
  trace: 'trace_id',
  span: 'span_id',
};

const orders: Partial<Record<FilterOperator, string>> = {
  '=': '=',
  '!=': '!=',
  '>': '>',
  '>=': '>=',
  '<': '<',
  '<=': '<=',
};

/** A filter as a condition on spans. Every value is a bound parameter; every identifier comes from this file. */
export function filterToSql(filter: Filter, scope: FilterScope): string {
  let comparisons = 0;
  const walk = (node: Filter, depth: number): string => {
    if (depth > filterDepthMax) throw invalid(`the filter is nested deeper than ${filterDepthMax}`);
    if ('and' in node) return join(node.and, ' AND ', '1', depth);
    if ('or' in node) return join(node.or, ' OR ', '0', depth);
    if ('not' in node) return `NOT (${walk(node.not, depth + 1)})`;
    comparisons += 1;
    if (comparisons > filterComparisonsMax) throw invalid(`more than ${filterComparisonsMax} comparisons`);
    return comparisonToSql(node, scope);
  };
  const join = (nodes: readonly Filter[], word: string, empty: string, depth: number) =>
    nodes.length === 0 ? empty : `(${nodes.map((node) => walk(node, depth + 1)).join(word)})`;
  return walk(filter, 0);
}

function comparisonToSql(comparison: Comparison, scope: FilterScope): string {
  const { field } = comparison;
  if (!isFilterField(field)) throw invalid(`unknown filter field ${JSON.stringify(field)}`, field);
  if (field.startsWith('metadata.')) return metadataToSql(comparison, field.slice('metadata.'.length), scope);
  if (field === 'status') return statusToSql(comparison, scope);
  if (field === 'cost') return costToSql(comparison, scope);
  if (field === 'text') return textToSql(comparison, scope);
  const known = field as keyof typeof columns;
  const column = columns[known];
  if (filterFields[known] === 'number') return numberToSql(comparison, column, scope);
  if (filterFields[known] === 'list') return listToSql(comparison, column, scope);
  return textFieldToSql(comparison, column, scope);
}

function textFieldToSql(
  { field, operator, value }: Comparison,
  column: string,
  { params }: FilterScope,
): string {
  if (operator === 'exists') return `${column} != ''`;
  const bound = () => params.bind(String(value), 'String');
  if (operator === '=' || operator === '!=') return `${column} ${operator} ${bound()}`;
  if (operator === 'startsWith') return `startsWith(${column}, ${bound()})`;
  if (operator === 'contains') return `positionCaseInsensitiveUTF8(${column}, ${bound()}) > 0`;
  throw unfit(field, operator);
}

function metadataToSql(comparison: Comparison, key: string, scope: FilterScope): string {
  return textFieldToSql(comparison, `metadata[${scope.params.bind(key, 'String')}]`, scope);
}

/** -1 stands for a number that is not known: it matches nothing but `!=`. */
function numberToSql(
  { field, operator, value }: Comparison,
  column: string,
  { params }: FilterScope,
): string {
  if (operator === 'exists') return `${column} >= 0`;
  const order = orders[operator];
  if (!order) throw unfit(field, operator);
  const condition = `${column} ${order} ${params.bind(readNumber(field, value), 'Float64')}`;
  return operator === '!=' ? condition : `(${column} >= 0 AND ${condition})`;
}

function listToSql({ field, operator, value }: Comparison, column: string, { params }: FilterScope): string {
  if (operator === 'exists') return `notEmpty(${column})`;
  if (operator === '=') return `has(${column}, ${params.bind(String(value), 'String')})`;
  if (operator === '!=') return `NOT has(${column}, ${params.bind(String(value), 'String')})`;
  throw unfit(field, operator);
}

function statusToSql({ field, operator, value }: Comparison, { params }: FilterScope): string {
  if (operator === 'exists') return 'status > 0';
  const order = orders[operator];
  if (!order) throw unfit(field, operator);
  if (/^\d{1,3}$/.test(String(value))) return `status ${order} ${params.bind(Number(value), 'UInt32')}`;
  if (operator !== '=' && operator !== '!=') throw unfit(field, operator);
  const negated = operator === '!=' ? 'NOT ' : '';
  if (value === 'error') return `${negated}is_error`;
  if (value === 'ok') return `${negated}(outcome = 'completed' AND NOT is_error)`;
  return `outcome ${operator} ${params.bind(String(value), 'String')}`;
}

/** Costs are read from their own rows: the newest one of each span, of the spans that have any such row. */
function costToSql({ field, operator, value }: Comparison, { params, bounds }: FilterScope): string {
  const order = operator === '!=' ? '=' : orders[operator];
  if (!order && operator !== 'exists') throw unfit(field, operator);
  const holds = (total: string) =>
    order ? ` AND ${total} ${order} ${params.bind(readDecimal(value), 'Decimal(38, 18)')}` : '';
  const candidates = `SELECT span_id FROM costs WHERE ${bounds} AND state != 'unpriced'${holds('total_usd')}`;
  const spans = `SELECT span_id FROM (
      SELECT span_id, state, total_usd FROM costs WHERE ${bounds} AND span_id IN (${candidates}) ${newestCostOfEach}
    ) WHERE state != 'unpriced'${holds('total_usd')}`;
  return `span_id ${operator === '!=' ? 'NOT IN' : 'IN'} (${spans})`;
}

function textToSql(
  { field, operator, value }: Comparison,
  { params, textBounds, isTimeBounded }: FilterScope,
): string {
  if (operator !== 'contains') throw unfit(field, operator);
  if (!isTimeBounded) throw invalid('a search in text needs a time range: send `from` and `to`', 'from');
  const { whole, single } = searchedWords(String(value));
  const former = formerWordsOf(String(value));
  if (whole.length + single.length === 0)
    throw invalid(`no word to search for in ${JSON.stringify(value)}`, field);
  const hasAll = (words: readonly string[]) => `hasAllTokens(text, ${params.bind(words, 'Array(String)')})`;
  const conditions = [
    ...(whole.length > 0 ? [hasAll(whole)] : []),
    ...single.map((word) => `position(text, ${params.bind(word, 'String')}) > 0`),
  ].join(' AND ');
  const isAsBefore = former.length === 0 || (single.length === 0 && String(former) === String(whole));
  const found = isAsBefore ? conditions : `(${conditions} OR ${hasAll(former)})`;
  return `span_id IN (SELECT span_id FROM span_texts WHERE ${textBounds} AND ${found})`;
}

/** The words of texts that earlier versions have stored: in lower case, everything beyond ASCII part of a word. */
function formerWordsOf(text: string): string[] {
  return [...new Set(text.toLowerCase().match(/[a-z0-9\u{80}-\u{10ffff}]+/gu) ?? [])];
}

function readNumber(field: string, value: string | number): number {
  const number = typeof value === 'number' ? value : Number(value.trim() === '' ? Number.NaN : value);
  if (!Number.isFinite(number))
    throw invalid(`${field} is compared with a number, not ${JSON.stringify(value)}`, field);
  return number;
}

function readDecimal(value: string | number): string {
  const text = typeof value === 'number' ? readNumber('cost', value).toFixed(18) : value.trim();
  if (!/^\d{1,18}(\.\d{1,18})?$/.test(text)) {
    throw invalid(`cost is compared with US dollars like 0.25, not ${JSON.stringify(value)}`, 'cost');
  }
  return text;
}

function unfit(field: string, operator: string): LoomError {
  return invalid(`${field} has no comparison ${JSON.stringify(operator)}`, field);
}

function invalid(message: string, param = 'filter'): LoomError {
  return new LoomError('invalid_request', message, { param });
}
