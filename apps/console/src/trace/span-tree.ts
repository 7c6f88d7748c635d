import type { TraceOutline } from '@loom/api-contract';

export type OutlineSpan = TraceOutline['spans'][number];

export interface TreeRow {
  readonly span: OutlineSpan;
  readonly depth: number;
  readonly childCount: number;
  /** The span whose detail this row shows: its own, or for an attempt the call's. */
  readonly owner: string;
  /** Milliseconds after the trace's start. */
  readonly startMs: number;
  /** Of an attempt: why its target was tried. */
  readonly reason: string | null;
}

/** Milliseconds from the trace's first start to its last end. */
export function traceDurationMs({ startTime, spans }: TraceOutline): number {
  const start = Date.parse(startTime);
  return spans.reduce((end, span) => Math.max(end, Date.parse(span.startTime) - start + span.durationMs), 0);
}

/**
 * Spans in the order of a tree: children under their parent, each level by start. A span whose parent is not in the
 * trace (it is another system's) is a root; so is the first of a circle that somebody's ids made.
 */
export function toTreeRows(
  { startTime, spans: calls }: TraceOutline,
  closed: ReadonlySet<string> = new Set(),
): TreeRow[] {
  const start = Date.parse(startTime);
  const attempts = calls.flatMap(attemptsOf);
  const owners = new Map(attempts.map(({ span }) => [span.spanId, span.parentSpanId]));
  const reasons = new Map(attempts.map(({ span, reason }) => [span.spanId, reason]));
  const spans = [...calls, ...attempts.map(({ span }) => span)];
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string, OutlineSpan[]>();
  for (const span of spans) {
    const parent = span.parentSpanId !== null && ids.has(span.parentSpanId) ? span.parentSpanId : '';
    const siblings = children.get(parent);
    if (siblings) siblings.push(span);
    else children.set(parent, [span]);
  }
  const rows: TreeRow[] = [];
  const placed = new Set<string>();
  const place = (root: OutlineSpan) => {
    const stack = [{ span: root, depth: 0, hidden: false }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { span, depth, hidden } = next;
      if (placed.has(span.spanId)) continue;
      placed.add(span.spanId);
      const below = children.get(span.spanId) ?? [];
      if (!hidden)
        rows.push({
          span,
          depth,
          childCount: below.length,
          owner: owners.get(span.spanId) ?? span.spanId,
          startMs: Date.parse(span.startTime) - start,
          reason: reasons.get(span.spanId) ?? null,
        });
      const isHidden = hidden || closed.has(span.spanId);
      for (const child of below.toReversed()) stack.push({ span: child, depth: depth + 1, hidden: isHidden });
    }
  };
  for (const root of children.get('') ?? []) place(root);
  for (const span of spans) if (!placed.has(span.spanId)) place(span);
  return rows;
}

/** The attempts of a call as rows below it; each has a name of its own, whatever ids they came with. */
function attemptsOf(call: OutlineSpan): { readonly span: OutlineSpan; readonly reason: string | null }[] {
  return call.attempts.map(({ provider, model, error, usage, reason, ...attempt }, index) => {
    const span: OutlineSpan = {
      ...{ spanId: `${call.spanId}#${index}`, parentSpanId: call.spanId, operation: 'attempt' },
      ...{ name: `${provider}/${model}`, provider, outcome: error ? 'failed' : 'completed' },
      ...{ startTime: attempt.startTime, durationMs: attempt.durationMs, timeToFirstChunkMs: null },
      ...{ status: attempt.status ?? 0, errorType: error?.type ?? null, attempts: [] },
      ...{ totalTokens: usage?.totalTokens ?? 0, totalUsd: null, costState: call.costState },
    };
    return { span, reason };
  });
}
