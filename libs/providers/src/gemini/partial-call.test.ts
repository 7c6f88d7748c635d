import { describe, expect, it } from '@jest/globals';
import { PartialCall } from './partial-call.ts';

function argumentsOf(...parts: object[]): unknown {
  const call = new PartialCall('f', null);
  call.take(parts);
  return JSON.parse(call.arguments);
}

describe('PartialCall', () => {
  it('puts the pieces of a text and of a list together', () => {
    expect(
      argumentsOf(
        { jsonPath: '$.a.b[0]', stringValue: 'one' },
        { jsonPath: '$.a.b[0]', stringValue: ' more' },
        { jsonPath: '$.a.b[1]', numberValue: 2 },
        { jsonPath: '$.c', boolValue: true },
      ),
    ).toEqual({ a: { b: ['one more', 2] }, c: true });
  });

  it.each([
    '$.constructor.prototype.polluted',
    '$.__proto__.polluted',
    '$.toString.polluted',
    '$.a[0].__proto__.polluted',
  ])('reaches into nothing but the arguments by %s', (jsonPath) => {
    argumentsOf({ jsonPath, stringValue: 'yes' });
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect((Object as { polluted?: string }).polluted).toBeUndefined();
    expect((Object.prototype.toString as { polluted?: string }).polluted).toBeUndefined();
  });

  it('leaves no hole in a list, names none of its members, and goes only so deep', () => {
    expect(
      argumentsOf(
        { jsonPath: '$.a[4000000000]', numberValue: 1 },
        { jsonPath: '$.b[0]', numberValue: 1 },
        { jsonPath: '$.b[9]', numberValue: 1 },
        { jsonPath: '$.b.length', numberValue: 4_000_000_000 },
        { jsonPath: `$${'.a'.repeat(10_000)}`, numberValue: 1 },
      ),
    ).toEqual({ a: [], b: [1] });
  });

  it('takes what it said before for replaced when a path goes through it', () => {
    expect(argumentsOf({ jsonPath: '$.a', stringValue: 'x' }, { jsonPath: '$.a.b', numberValue: 1 })).toEqual(
      { a: { b: 1 } },
    );
  });
});
