import { describe, expect, it } from '@jest/globals';
import { type OutlineSpan, toTreeRows, traceDurationMs } from './span-tree.ts';

const start = Date.parse('2026-11-22T10:00:00Z');

function span(spanId: string, parentSpanId: string | null, atMs = 0, durationMs = 10): OutlineSpan {
  const startTime = new Date(start + atMs).toISOString().replace('Z', '000Z');
  return {
    ...{ spanId, parentSpanId, startTime, durationMs, operation: 'chat', name: spanId, provider: 'p' },
    ...{ outcome: 'completed', status: 200, timeToFirstChunkMs: null, totalTokens: 0, totalUsd: null },
    costState: 'pending',
    ...{ attempts: [], errorType: null },
  };
}

const outline = (...spans: OutlineSpan[]) => ({
  traceId: 't',
  startTime: spans[0]?.startTime ?? '',
  spans,
  truncated: false,
});
const shape = (...spans: OutlineSpan[]) =>
  toTreeRows(outline(...spans)).map(({ span, depth }) => `${span.spanId}${depth}`);

describe('toTreeRows', () => {
  it('puts children under their parent, in their order', () => {
    expect(shape(span('a', null), span('b', 'a'), span('c', 'b'), span('d', 'a'), span('e', null))).toEqual(['a0', 'b1', 'c2', 'd1', 'e0']); // prettier-ignore
  });

  it('takes a span with a foreign parent for a root', () => {
    expect(shape(span('a', 'elsewhere'), span('b', 'a'))).toEqual(['a0', 'b1']);
  });

  it('shows every span of a circle once', () => {
    expect(shape(span('a', 'b'), span('b', 'a'), span('c', 'c'))).toEqual(['a0', 'b1', 'c0']);
  });

  it('hides what is below a closed span', () => {
    const rows = toTreeRows(
      outline(span('a', null), span('b', 'a'), span('c', 'b'), span('d', null)),
      new Set(['a']),
    );
    expect(rows.map(({ span, childCount }) => [span.spanId, childCount])).toEqual([['a', 1], ['d', 0]]); // prettier-ignore
  });

  it('puts the attempts of a call below it; they show the call', () => {
    const attempt = { spanId: 'a', provider: 'p', model: 'm', startTime: span('a', null).startTime, durationMs: 5, status: 500, error: null, reason: 'retry', usage: null }; // prettier-ignore
    const rows = toTreeRows(outline({ ...span('a', null), attempts: [attempt, attempt] }, span('b', 'a')));
    expect(rows.map(({ span, depth, owner, reason }) => [span.operation, depth, owner, reason])).toEqual([
      ['chat', 0, 'a', null],
      ['chat', 1, 'b', null],
      ['attempt', 1, 'a', 'retry'],
      ['attempt', 1, 'a', 'retry'],
    ]);
  });

  it('takes a chain of 10,000 spans', () => {
    const chain = Array.from({ length: 10_000 }, (_, at) => span(`s${at}`, at === 0 ? null : `s${at - 1}`));
    expect(toTreeRows(outline(...chain)).at(-1)?.depth).toBe(9999);
  });
});

describe('traceDurationMs', () => {
  it('is until the last end, whoever has it', () => {
    expect(traceDurationMs(outline(span('a', null, 0, 500), span('b', 'a', 300, 100)))).toBe(500);
  });
});
