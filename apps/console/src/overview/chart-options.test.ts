import { describe, expect, it } from '@jest/globals';
import { stackedData, timeLabel } from './chart-options.ts';
import type { ChartSeries } from './time-chart.tsx';

const seriesOf = (kind: ChartSeries['kind'], ...keys: string[]): ChartSeries[] =>
  keys.map((key) => ({ key, label: key, color: 'red', kind }));

describe('stackedData', () => {
  it('adds bars up, the top of the stack first', () => {
    const points = [
      { at: 1, values: { a: 2, b: 3 } },
      { at: 2, values: { a: 1, b: null } },
    ];
    expect(stackedData(points, seriesOf('bar', 'a', 'b'))).toEqual([
      [1, 2],
      [5, 1],
      [2, 1],
    ]);
  });

  it('leaves lines as they are, with gaps where nothing is known', () => {
    const points = [
      { at: 1, values: { p50: 2, p95: null } },
      { at: 2, values: { p50: 1 } },
    ];
    expect(stackedData(points, seriesOf('line', 'p50', 'p95'))).toEqual([
      [1, 2],
      [null, null],
      [2, 1],
    ]);
  });
});

describe('timeLabel', () => {
  it('says the day at midnight, the time elsewhere, and seconds where it needs them', () => {
    const midnight = new Date(2026, 10, 22).getTime();
    expect(timeLabel(midnight, 3_600_000)).toMatch(/22/);
    expect(timeLabel(midnight + 5 * 3_600_000, 3_600_000)).toBe('05:00');
    expect(timeLabel(midnight + 5000, 5000)).toContain('00:05');
  });
});
