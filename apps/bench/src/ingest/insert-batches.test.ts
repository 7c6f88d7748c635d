import { describe, expect, it } from '@jest/globals';
import { batchesOf, pathInto, readInsert } from './insert-batches.ts';

const insertPath = (token: string, table: string): string =>
  `/?${new URLSearchParams({ query: `INSERT INTO ${table} FORMAT JSONEachRow`, database: 'a', query_id: 'q', insert_deduplication_token: `${token}/${table}` }).toString()}`;
const insert = (token: string, table: string) => readInsert(insertPath(token, table), Buffer.from('{}'))!;

describe('readInsert', () => {
  it('keeps arguments and rows of an insert', () => {
    const { args, rows } = insert('t', 'spans');
    expect(args.get('insert_deduplication_token')).toBe('t/spans');
    expect(rows.toString()).toBe('{}');
  });

  it('passes over everything else', () => {
    expect(readInsert('/?query=SELECT%201', Buffer.alloc(0))).toBeNull();
    expect(readInsert('/?database=a', Buffer.from('SELECT 1'))).toBeNull();
  });
});

describe('batchesOf', () => {
  it('puts together what has the token of one batch, in the order of arrival', () => {
    const inserts = [insert('b', 'payloads'), insert('a', 'payloads'), insert('b', 'spans')];
    expect(batchesOf(inserts)).toEqual([[inserts[0], inserts[2]], [inserts[1]]]);
  });
});

describe('pathInto', () => {
  it('names another database, leaves out the id and changes nothing else', () => {
    const { searchParams } = new URL(pathInto('b', insert('t', 'spans')), 'http://127.0.0.1');
    expect(Object.fromEntries(searchParams)).toEqual({
      query: 'INSERT INTO spans FORMAT JSONEachRow',
      database: 'b',
      insert_deduplication_token: 't/spans',
    });
  });
});
