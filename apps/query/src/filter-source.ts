/** The text as liqe takes it: values are put in quotes, because without it knows few signs and reads digits as numbers. */
export interface FilterSource {
  readonly quoted: string;
  /** True when the quotes at this place were put there here: the value was typed without. */
  isQuotedHere(start: number): boolean;
  /** A place in `quoted` as the place in what was typed. */
  toOriginal(position: number): number;
}

const quotedText = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/.source;
const valueAfterColon = new RegExp(`${quotedText}|(:[<>=]*)([^\\s()"'<>=][^\\s()"']*)`, 'g');
const rangeOrExpression = /^(?:\/.+\/\w*|[[{].*)$/;

export function quoteValues(text: string): FilterSource {
  const inserted: number[] = [];
  const quoted = text.replace(
    valueAfterColon,
    (whole, operator: string | undefined, value: string, at: number) => {
      if (operator === undefined || rangeOrExpression.test(value)) return whole;
      const start = at + operator.length + inserted.length;
      inserted.push(start, start + value.length + 1);
      return `${operator}"${value.replaceAll('\\', '')}"`;
    },
  );
  return {
    quoted,
    isQuotedHere: (start) => inserted.includes(start),
    toOriginal: (position) => position - inserted.filter((at) => at < position).length,
  };
}
