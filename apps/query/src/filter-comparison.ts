import {
  type Comparison,
  type Filter,
  type FilterField,
  filterFields,
  isFilterField,
} from '@loom/trace-store';
import { nearest } from '@loom/config';
import { Outcome } from '@loom/trace-schema';
import type { LiqeQuery } from 'liqe';
import { filterError, knownFields } from './filter-error.ts';
import type { FilterSource } from './filter-source.ts';

type Tag = Extract<LiqeQuery, { type: 'Tag' }>;

/** Changed letters that still make a typing error. */
const typoMax = 2;

/** Short names that people type. */
const otherNames: Readonly<Record<string, FilterField>> = { env: 'environment', duration: 'latency' };

const orders: Readonly<Record<string, Comparison['operator']>> = {
  ':>': '>',
  ':>=': '>=',
  ':<': '<',
  ':<=': '<=',
};

interface Value {
  readonly text: string;
  /** Typed in quotes: `*` stands for itself. */
  readonly literal: boolean;
  readonly position: number;
}

/** One `field:value`, checked against what the field can be compared with. */
export function comparisonOf(tag: Tag, source: FilterSource): Filter {
  const { field, expression } = tag;
  if (expression.type === 'EmptyExpression' || expression.type === 'RegexExpression') {
    const position = source.toOriginal(tag.location.start);
    const isRegex = expression.type === 'RegexExpression';
    throw filterError(
      isRegex ? 'regular expressions are not supported; use `*` at an end' : 'a value is missing',
      position,
    );
  }
  const position = source.toOriginal(expression.location.start);
  if (expression.type === 'RangeExpression') return rangeOf(tag, expression.range, source);
  const quotedHere = source.isQuotedHere(expression.location.start);
  const raw = source.quoted.slice(expression.location.start, expression.location.end);
  const text = expression.quoted ? expression.value : raw;
  const value = { text, literal: expression.quoted && !quotedHere, position };
  if (field.type === 'ImplicitField')
    return { field: 'text', operator: 'contains', value: requireText(value) };
  if (field.name === 'has') return { field: fieldOf(text, position), operator: 'exists', value: '' };
  const name = fieldOf(field.name, source.toOriginal(field.location.start));
  const operator = tag.operator.operator;
  switch (kindOf(name)) {
    case 'number':
      return { field: name, operator: orders[operator] ?? '=', value: numberOf(name, value) };
    case 'status':
      return statusOf(orders[operator] ?? '=', value);
    case 'content':
      if (orders[operator]) throw filterError('text can only be searched: text:"some words"', position);
      return { field: name, operator: 'contains', value: requireText(value) };
    case 'text':
    case 'list':
      if (orders[operator])
        throw filterError(`${name} is a text; only numbers have an order: cost, latency, tokens …`, position);
      return textOf(name, value);
  }
}

function kindOf(field: FilterField): (typeof filterFields)[keyof typeof filterFields] {
  return Object.hasOwn(filterFields, field) ? filterFields[field as keyof typeof filterFields] : 'text';
}

function fieldOf(name: string, position: number): FilterField {
  const known = Object.hasOwn(otherNames, name) ? otherNames[name] : name;
  if (known !== undefined && isFilterField(known)) return known;
  const meant = nearest(name.slice(0, 80), Object.keys(filterFields), typoMax);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw filterError(`unknown field "${name.slice(0, 80)}"; known fields: ${knownFields}${hint}`, position);
}

/** `gpt*` starts with, `*mini*` contains, `*` alone means known. */
function textOf(field: FilterField, value: Value): Filter {
  const { text, literal, position } = value;
  if (literal || !text.includes('*')) return { field, operator: '=', value: text };
  if (/^\*+$/.test(text)) return { field, operator: 'exists', value: '' };
  const bare = text.replace(/^\*|\*$/g, '');
  if (bare.includes('*') || (text.startsWith('*') && !text.endsWith('*'))) {
    throw filterError(
      'a wildcard is `word*` or `*word*`; put quotes around a value that has a `*` in it',
      position,
    );
  }
  return { field, operator: text.startsWith('*') ? 'contains' : 'startsWith', value: bare };
}

function requireText({ text, position }: Value): string {
  if (text.trim() === '') throw filterError('a text search needs a word', position);
  return text;
}

const millisecondsByUnit: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The number as decimal text; latencies in milliseconds, typed with a unit or without. */
function numberOf(field: FilterField, { text, position }: Value): string {
  const isDuration = field === 'latency' || field === 'ttft';
  const match = /^(\d{1,15}(?:\.\d{1,12})?)(ms|s|m|h)?$/.exec(text);
  const unit = match?.[2] ?? '';
  if (!match?.[1] || (!isDuration && unit !== '')) {
    const example = isDuration ? 'a duration such as 500ms or 2s' : 'a number such as 0.01';
    throw filterError(`"${text.slice(0, 80)}" is not a number; ${field} takes ${example}`, position);
  }
  if (unit === '') return match[1];
  return String(Math.round(Number(match[1]) * (millisecondsByUnit[unit] ?? 1) * 1000) / 1000);
}

function statusOf(operator: Comparison['operator'], { text, position }: Value): Filter {
  const isHttp = /^[1-5]\d\d$/.test(text);
  const isWord = text === 'ok' || text === 'error' || Outcome.safeParse(text).success;
  if (isHttp || (isWord && operator === '=')) return { field: 'status', operator, value: text };
  throw filterError(
    `status takes ok, error, ${Outcome.options.join(', ')} or an HTTP status such as 429 (or >=500), not "${text.slice(0, 80)}"`,
    position,
  );
}

interface Range {
  readonly min: number;
  readonly max: number;
  readonly minInclusive: boolean;
  readonly maxInclusive: boolean;
}

function rangeOf(tag: Tag, range: Range, source: FilterSource): Filter {
  const position = source.toOriginal(tag.location.start);
  const name = tag.field.type === 'ImplicitField' ? '' : tag.field.name;
  const field = fieldOf(name, position);
  if (kindOf(field) !== 'number')
    throw filterError(`${field} is no number; a range is as in cost:[0.01 TO 0.5]`, position);
  if (![range.min, range.max].every(Number.isFinite))
    throw filterError('a range is as in cost:[0.01 TO 0.5]', position);
  return {
    and: [
      { field, operator: range.minInclusive ? '>=' : '>', value: range.min },
      { field, operator: range.maxInclusive ? '<=' : '<', value: range.max },
    ],
  };
}
