import { describe, expect, it } from '@jest/globals';
import { quote, readStatement } from './statement.ts';

const url = (args: Record<string, string>) => new URL(`http://host/?${new URLSearchParams(args).toString()}`);

describe('readStatement', () => {
  it('takes the body as the query, and settings and parameters as quoted assignments', () => {
    const statement = readStatement(
      url({ query_id: 'q', database: 'd', default_format: 'JSON', param_p: `a'b\\`, max_threads: '2' }),
      Buffer.from('SELECT 1'),
    );
    expect(statement).toEqual({
      queryId: 'q',
      database: 'd',
      format: 'JSON',
      assignments: `SET param_p='a\\'b\\\\', max_threads='2'`,
      sql: 'SELECT 1',
      insert: null,
    });
  });

  it('reads table, columns and format of an insert whose rows are the body', () => {
    const { insert } = readStatement(
      url({ query: 'INSERT INTO `loom`.spans (a, `b`) FORMAT JSONEachRow' }),
      Buffer.from('{}'),
    );
    expect(insert).toEqual({ table: 'loom.spans', columns: ['a', 'b'], format: 'JSONEachRow' });
  });

  it.each([
    [{ query: 'INSERT INTO t SELECT * FROM input() FORMAT CSV' }, '1', 'unsupported'],
    [{ session_id: 's' }, 'SELECT 1', 'unsupported'],
    [{ "x='1', y": '1' }, 'SELECT 1', 'invalid_request'],
    [{}, ' ', 'invalid_request'],
  ])('refuses %j with body %j', (args, body, code) => {
    expect(() => readStatement(url(args as Record<string, string>), Buffer.from(body))).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe('quote', () => {
  it('leaves no way out of the literal', () => {
    expect(quote(`\\'; DROP`)).toBe(`'\\\\\\'; DROP'`);
  });
});
