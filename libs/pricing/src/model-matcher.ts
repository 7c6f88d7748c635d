import { LoomError, messageOf } from '@loom/errors';
import type { PriceMatch } from '@loom/trace-schema';

const valueCharsMax = 512;

export type ModelMatcher = (model: string) => boolean;

/** Compiles the rules of one price entry, once. The model name is given in lower case; any rule that holds is enough. */
export function compileModelMatcher(rules: readonly PriceMatch[]): ModelMatcher {
  const exact = new Set(rules.filter(({ op }) => op === 'equals').map(({ value }) => value.toLowerCase()));
  const others = rules.filter(({ op }) => op !== 'equals').map(compileRule);
  return (model) => exact.has(model) || others.some((matches) => matches(model));
}

function compileRule({ op, value }: PriceMatch): ModelMatcher {
  if (value.length > valueCharsMax) {
    throw new LoomError(
      'invalid_request',
      `price rule ${op}: value is longer than ${valueCharsMax} characters`,
    );
  }
  const text = value.toLowerCase();
  switch (op) {
    case 'equals':
      return (model) => model === text;
    case 'starts_with':
      return (model) => model.startsWith(text);
    case 'ends_with':
      return (model) => model.endsWith(text);
    case 'contains':
      return (model) => model.includes(text);
    case 'regex': {
      const expression = compileExpression(value);
      return (model) => expression.test(model);
    }
  }
}

function compileExpression(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (cause) {
    throw new LoomError('invalid_request', `price rule regex "${source}": ${messageOf(cause)}`, { cause });
  }
}
