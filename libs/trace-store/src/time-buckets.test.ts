import { describe, expect, it } from '@jest/globals';
import { bucketStarts } from './time-buckets.ts';

const seconds = (instant: string) => Date.parse(instant) / 1000;
const startsOf = (from: string, to: string, bucketSeconds: number, timeZone: string) =>
  bucketStarts({ from: seconds(from), to: seconds(to), bucketSeconds, timeZone }).map((start) =>
    new Date(start * 1000).toISOString().slice(0, 16),
  );
const day = 86_400;

describe('buckets in a time zone', () => {
  it('of days begin at local midnight, also where the clock changes', () => {
    expect(startsOf('2026-03-28T12:00:00Z', '2026-03-31T00:00:00Z', day, 'Europe/Prague')).toEqual([
      ...['2026-03-27T23:00', '2026-03-28T23:00', '2026-03-29T22:00', '2026-03-30T22:00'],
    ]);
    // Clocks of Chile go from 24:00 to 23:00, and in September from 24:00 to 01:00: that day has no midnight.
    expect(startsOf('2026-09-05T12:00:00Z', '2026-09-07T12:00:00Z', day, 'America/Santiago')).toEqual([
      ...['2026-09-05T04:00', '2026-09-06T04:00', '2026-09-07T03:00'],
    ]);
    expect(startsOf('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', day, 'Asia/Kolkata')).toEqual([
      ...['2025-12-31T18:30', '2026-01-01T18:30'],
    ]);
  });

  it('of hours count from local midnight', () => {
    expect(startsOf('2026-01-01T00:00:00Z', '2026-01-01T12:00:00Z', 6 * 3600, 'Asia/Kathmandu')).toEqual([
      ...['2025-12-31T18:15', '2026-01-01T00:15', '2026-01-01T06:15'],
    ]);
  });

  it('of several days cover the range without a gap', () => {
    const starts = startsOf('2026-02-10T00:00:00Z', '2026-04-20T00:00:00Z', 7 * day, 'America/New_York');
    expect(starts[0]! <= '2026-02-10T00:00').toBe(true);
    expect(starts.every((start) => start.endsWith('T05:00') || start.endsWith('T04:00'))).toBe(true);
    expect(starts).toHaveLength(11);
  });

  it.each([
    ['Mars/Olympus', day, 'timeZone'],
    ['Europe/Prague', 36 * 3600, 'bucketSeconds'],
  ])('of %s and %d s are refused by name', (timeZone, bucketSeconds, param) => {
    const buckets = { from: 0, to: 10 * day, bucketSeconds, timeZone };
    expect(() => bucketStarts(buckets)).toThrow(expect.objectContaining({ code: 'invalid_request', param }));
  });
});
