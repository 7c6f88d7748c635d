import type { TraceOutline } from '@loom/api-contract';
import type { OutlineSpan, TraceOutline as StoredOutline } from '@loom/trace-store';
import { toInstant, toMilliseconds } from './instants.ts';
import { toAttempt } from './span-view.ts';

/** A stored outline as the API gives it. Pure. */
export function toTraceOutline({ traceId, startTime, spans, truncated }: StoredOutline): TraceOutline {
  return { traceId, startTime: toInstant(startTime), spans: spans.map(toOutlineSpan), truncated };
}

function toOutlineSpan(span: OutlineSpan): TraceOutline['spans'][number] {
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId === '' ? null : span.parentSpanId,
    operation: span.operation,
    name: nameOf(span),
    provider: span.provider,
    outcome: span.outcome,
    status: span.status,
    startTime: toInstant(span.startTime),
    durationMs: toMilliseconds(span.durationNanos),
    timeToFirstChunkMs:
      span.timeToFirstChunkNanos === null ? null : toMilliseconds(span.timeToFirstChunkNanos),
    totalTokens: span.totalTokens,
    totalUsd: span.totalUsd,
    costState: span.outcome === 'refused' ? 'unpriced' : span.costState,
    attempts: span.attempts.map(toAttempt),
    errorType: span.errorType === '' ? null : span.errorType,
  };
}

/** Who acts, or the model; the operation where neither is known. */
function nameOf({ operation, ...span }: OutlineSpan): string {
  const actors: Readonly<Record<string, string>> = {
    invoke_agent: span.agentName,
    invoke_workflow: span.workflowName,
    execute_tool: span.toolName,
  };
  return [actors[operation], span.responseModel, span.requestModel].find(Boolean) ?? operation;
}
