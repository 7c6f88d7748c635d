import { describe, expect, it } from '@jest/globals';
import { callEndedTypes, TraceEvent } from './call-events.ts';
import { eventCheck } from './event-check.ts';
import { eventTypesOf } from './event-reader.ts';
import { sampleEvents } from './testing/sample-events.ts';

const values = [
  ...[
    undefined,
    null,
    true,
    0,
    -1,
    1,
    1.5,
    1000,
    2 ** 53,
    Infinity,
    NaN,
    '',
    'x',
    'a'.repeat(16),
    'a'.repeat(64),
  ],
  ...[[], {}, [1], ['x'], { a: 'x' }, { a: null }, { a: NaN }, '1763000000000000000', '9999999999999999999'],
];

/** Every path of a value, also those of members that it does not have. */
function pathsOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const members = Object.entries(value).flatMap(([name, member]) =>
    pathsOf(member).map((path) => [name, ...path]),
  );
  return [[], ...members, ['unknown']];
}

function withValue(target: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  const member = (target as Record<string, unknown>)[name];
  if (Array.isArray(target)) return target.with(Number(name) || 0, withValue(member, rest, value));
  return { ...(target as object), [name]: withValue(member, rest, value) };
}

describe('eventCheck', () => {
  const check = eventCheck(TraceEvent);

  it.each(Object.entries(sampleEvents))(
    'agrees with the schema on every change of one value: %s',
    (_, event) => {
      expect(check(event)).toBeNull();
      for (const path of pathsOf(event)) {
        for (const value of values) {
          const changed = withValue(event, path, value);
          expect({ path, value, ok: check(changed) === null }).toEqual({
            ...{ path, value },
            ok: TraceEvent.safeParse(changed).success,
          });
        }
      }
    },
  );

  it('has a sample of every type of event', () => {
    const sampled = Object.values(sampleEvents).map(({ type }) => type);
    expect(eventTypesOf(TraceEvent).filter((type) => !(sampled as string[]).includes(type))).toEqual(
      callEndedTypes.filter((type) => type !== 'call.completed'),
    );
  });

  it('names the member at fault', () => {
    const accepted = sampleEvents['call.accepted'];
    expect(eventCheck(TraceEvent)(withValue(accepted, ['facts', 'parameters', 'seed'], Infinity))).toBe(
      'facts.parameters.seed',
    );
  });
});
