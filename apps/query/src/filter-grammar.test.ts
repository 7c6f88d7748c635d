import { describe, expect, it } from '@jest/globals';
import { isLoomError } from '@loom/errors';
import fc from 'fast-check';
import { parseFilter } from './filter-grammar.ts';

const is = (field: string, value: string | number, operator = '=') => ({ field, operator, value });

describe('parseFilter', () => {
  it.each([
    ['model:gpt-4o-mini', is('model', 'gpt-4o-mini')],
    ['cost:>0.01', is('cost', '0.01', '>')],
    ['latency:>2s', is('latency', '2000', '>')],
    ['ttft:<=350ms', is('ttft', '350', '<=')],
    ['duration:<1.5s', is('latency', '1500', '<')],
    ['tokens:>=1000', is('tokens', '1000', '>=')],
    ['user:007', is('user', '007')],
    ['user:true', is('user', 'true')],
    ['status:error', is('status', 'error')],
    ['status:>=500', is('status', '500', '>=')],
    ['text:"two words"', is('text', 'two words', 'contains')],
    ['hello', is('text', 'hello', 'contains')],
    ['env:prod', is('environment', 'prod')],
    ['metadata.region:eu', is('metadata.region', 'eu')],
    ['"metadata.a b":x', is('metadata.a b', 'x')],
    ['has:session', is('session', '', 'exists')],
    ['user:*', is('user', '', 'exists')],
    ['model:gpt*', is('model', 'gpt', 'startsWith')],
    ['model:*mini*', is('model', 'mini', 'contains')],
    ['model:"a*"', is('model', 'a*')],
    ['model:openai/gpt-4o', is('model', 'openai/gpt-4o')],
    ['model:meta/*', is('model', 'meta/', 'startsWith')],
    ['model:llama3:free', is('model', 'llama3:free')],
    ['user:a+b@c.de', is('user', 'a+b@c.de')],
    ['user:日本', is('user', '日本')],
    ['-env:dev', { not: is('environment', 'dev') }],
    ['NOT (model:a OR model:b)', { not: { or: [is('model', 'a'), is('model', 'b')] } }],
    ['model:a user:b', { and: [is('model', 'a'), is('user', 'b')] }],
    ['model:a OR user:b key:c', { or: [is('model', 'a'), { and: [is('user', 'b'), is('key', 'c')] }] }],
    ['(model:a OR user:b) key:c', { and: [{ or: [is('model', 'a'), is('user', 'b')] }, is('key', 'c')] }],
    ['cost:[0.1 TO 5]', { and: [is('cost', 0.1, '>='), is('cost', 5, '<=')] }],
  ])('reads %s', (text, filter) => {
    expect(parseFilter(text)).toEqual(filter);
  });

  it('is null for nothing', () => {
    expect(parseFilter('  ')).toBeNull();
  });

  it.each([
    ['modle:a', 'filter, character 1: unknown field "modle"; known fields: model,'],
    ['modle:a', 'did you mean model?'],
    ['model:a __proto__:b', 'character 9: unknown field "__proto__"'],
    ['constructor:a', 'unknown field "constructor"'],
    ['has:nothing', 'character 5: unknown field "nothing"'],
    ['cost:>cheap', 'character 7: "cheap" is not a number; cost takes a number such as 0.01'],
    ['latency:fast', 'latency takes a duration such as 500ms or 2s'],
    ['tokens:>2s', '"2s" is not a number'],
    ['model:>a', 'model is a text; only numbers have an order'],
    ['status:bad', 'status takes ok, error, completed'],
    ['status:>error', 'status takes ok'],
    ['model:/a+/', 'regular expressions are not supported'],
    ['model:*a', 'a wildcard is `word*` or `*word*`'],
    ['model:(a OR b)', 'write (model:a OR model:b), not model:(a OR b)'],
    ['-(model:a OR model:b)', 'write NOT ( … )'],
    ['model:a user:"x', 'character 14: a quote is opened and not closed'],
    ['model:a (', 'filter, character'],
    ['model:x/y user:(', 'filter, character 16:'],
    ['x'.repeat(2001), 'longer than 2000 characters'],
    ['('.repeat(20) + 'model:a' + ')'.repeat(20), 'more than 16 levels'],
    [Array.from({ length: 101 }, () => 'model:a').join(' '), 'more than 100 comparisons'],
  ])('refuses %s', (text, message) => {
    expect(() => parseFilter(text)).toThrow(message);
    expect(() => parseFilter(text)).toThrow(
      expect.objectContaining({ code: 'invalid_request', param: 'filter' }),
    );
  });

  it('answers any text with a filter or a clear refusal', () => {
    const words = fc.constantFrom(
      'model',
      ':',
      '"',
      '(',
      ')',
      '-',
      'OR',
      ' ',
      '*',
      '/',
      '[',
      ' TO ',
      '\\',
      '>',
      "'",
      'a',
      '1',
    );
    const texts = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.array(words, { maxLength: 20 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseFilter(text);
          return true;
        } catch (error) {
          return isLoomError(error) && error.code === 'invalid_request';
        }
      }),
      { numRuns: 2000 },
    );
  });
});
