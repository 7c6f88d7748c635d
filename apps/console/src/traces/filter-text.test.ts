import { describe, expect, it } from '@jest/globals';
import { filterFields as known } from '@loom/trace-store';
import { filterFields } from './filter-fields.ts';
import { filterTerm, splitTerms, toggleTerm } from './filter-text.ts';

describe('filterTerm', () => {
  it.each([
    ['model', 'gpt-4o', 'model:gpt-4o'],
    ['user', 'Ana Maria', 'user:"Ana Maria"'],
    ['user', 'a"b\\c', 'user:"a\\"b\\\\c"'],
    ['model', 'all*', 'model:"all*"'],
    ['metadata.team', 'x', 'metadata.team:x'],
    ['metadata.a b', 'x', '"metadata.a b":x'],
    ['user', '', 'user:""'],
  ])('writes %s %j as %s', (field, value, term) => expect(filterTerm(field, value)).toBe(term));
});

describe('toggleTerm', () => {
  it('adds, takes out, and keeps what is in quotes together', () => {
    const filter = 'model:a user:"x y"';
    expect(toggleTerm(filter, 'env:prod')).toBe('model:a user:"x y" env:prod');
    expect(toggleTerm(filter, 'user:"x y"')).toBe('model:a');
    expect(splitTerms(filter)).toEqual(['model:a', 'user:"x y"']);
  });

  it('puts alternatives into parentheses before it narrows them', () => {
    expect(toggleTerm('model:a OR model:b', 'env:prod')).toBe('(model:a OR model:b) env:prod');
  });
});

describe('filterFields', () => {
  it('offers the fields that the grammar knows, all of them', () => {
    expect(Object.keys(filterFields).sort()).toEqual(Object.keys(known).sort());
  });
});
