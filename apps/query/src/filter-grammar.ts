import { LoomError } from '@loom/errors';
import { type Filter, filterComparisonsMax, filterDepthMax } from '@loom/trace-store';
import { type LiqeQuery, parse } from 'liqe';
import { comparisonOf } from './filter-comparison.ts';
import { filterError } from './filter-error.ts';
import { type FilterSource, quoteValues } from './filter-source.ts';

const filterCharsMax = 2000;

/**
 * The filter that people type, as the store's tree:
 *
 *     filter     = term { [ "AND" | "OR" ] term }     AND binds tighter; nothing between two terms means AND
 *     term       = [ "-" | "NOT " ] ( comparison | "(" filter ")" )
 *     comparison = field ":" [ ">" | ">=" | "<" | "<=" | "=" ] value | number-field ":[" from " TO " to "]"
 *                | "has:" field | word                 a word alone is looked for in the text
 *     value      = characters without spaces, or a text in quotes; `*` at the ends is a wildcard outside quotes
 *
 * Null for an empty text. Throws `invalid_request` that names the position, what is wrong and what would be right.
 */
export function parseFilter(text: string): Filter | null {
  if (text.length > filterCharsMax) {
    throw new LoomError('invalid_request', `filter: longer than ${filterCharsMax} characters`, {
      param: 'filter',
    });
  }
  if (text.trim() === '') return null;
  const source = quoteValues(text);
  let tree: LiqeQuery;
  try {
    tree = parse(source.quoted);
  } catch (error) {
    throw syntaxError(text, source, error);
  }
  let comparisons = 0;
  const toFilter = (node: LiqeQuery, depth: number): Filter => {
    if (depth > filterDepthMax) throw filterError(`more than ${filterDepthMax} levels of parentheses`, 0);
    switch (node.type) {
      case 'LogicalExpression':
        return joinByPrecedence(node, (operand) => toFilter(operand, depth + 1));
      case 'ParenthesizedExpression':
        return toFilter(node.expression, depth + 1);
      case 'UnaryOperator':
        return { not: toFilter(node.operand, depth + 1) };
      case 'EmptyExpression':
        throw filterError('nothing between parentheses', source.toOriginal(node.location.start));
      case 'Tag':
        comparisons += 1;
        if (comparisons > filterComparisonsMax)
          throw filterError(`more than ${filterComparisonsMax} comparisons`, 0);
        return comparisonOf(node, source);
    }
  };
  return toFilter(tree, 0);
}

type Logical = Extract<LiqeQuery, { type: 'LogicalExpression' }>;

/** liqe reads a chain from left to right; this puts AND before OR. */
function joinByPrecedence(node: Logical, toFilter: (operand: LiqeQuery) => Filter): Filter {
  const operands: LiqeQuery[] = [];
  const operators: string[] = [];
  let rest: LiqeQuery = node;
  while (rest.type === 'LogicalExpression') {
    operands.unshift(rest.right);
    operators.unshift(rest.operator.operator);
    rest = rest.left;
  }
  operands.unshift(rest);
  const groups: Filter[][] = [[]];
  for (const [index, operand] of operands.entries()) {
    if (index > 0 && operators[index - 1] === 'OR') groups.push([]);
    groups.at(-1)?.push(toFilter(operand));
  }
  const parts = groups.map((group): Filter => (group.length === 1 && group[0] ? group[0] : { and: group }));
  return parts.length === 1 && parts[0] ? parts[0] : { or: parts };
}

function syntaxError(text: string, source: FilterSource, error: unknown): LoomError {
  const quotes = [...text.matchAll(/(?<!\\)"/g)];
  if (quotes.length % 2 === 1)
    return filterError('a quote is opened and not closed', quotes.at(-1)?.index ?? 0);
  const offset = error instanceof Error && 'offset' in error ? Number(error.offset) : Number.NaN;
  if (Number.isNaN(offset)) {
    return filterError(
      'the filter ends too early; write `field:value`, as in `model:gpt-4o status:error`',
      text.length,
    );
  }
  const position = Math.min(source.toOriginal(offset), text.length);
  const found = text[position] === undefined ? 'the end' : `"${text[position]}"`;
  const advice =
    text[position - 1] === '-'
      ? 'write NOT ( … ) to turn a group around'
      : 'write `field:value`; put a value with spaces or signs in quotes, and write (model:a OR model:b), not model:(a OR b)';
  return filterError(`${found} is not expected here; ${advice}`, position);
}
