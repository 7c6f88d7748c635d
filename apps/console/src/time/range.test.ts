import { expect, it } from '@jest/globals';
import { presets } from './range.ts';

const now = new Date(2026, 2, 1, 15, 30); // the first of a month after a short one, local time
const at = (name: string) => {
  const { from, to } = presets[name]?.at(now) ?? { from: now, to: now };
  return [from.toLocaleString('sv'), to.toLocaleString('sv')];
};

it.each([
  ['today', '2026-03-01 00:00:00', '2026-03-01 15:30:00'],
  ['yesterday', '2026-02-28 00:00:00', '2026-03-01 00:00:00'],
  ['this-month', '2026-03-01 00:00:00', '2026-03-01 15:30:00'],
  ['last-month', '2026-02-01 00:00:00', '2026-03-01 00:00:00'],
  ['1h', '2026-03-01 14:30:00', '2026-03-01 15:30:00'],
])('%s is a range of the calendar or the clock', (name, from, to) => {
  expect(at(name)).toEqual([from, to]);
});
