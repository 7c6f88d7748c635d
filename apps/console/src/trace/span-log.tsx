'use client';

import type { Span } from '@loom/api-contract';
import { useMemo } from 'react';
import { usePages } from '../api/use-pages.ts';
import { toConversation } from '../content/conversation.ts';
import { ConversationView } from '../content/conversation-view.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatDuration } from '../format/numbers.ts';
import { formatTime } from '../format/times.ts';
import { OutcomeBadge } from '../traces/outcome-badge.tsx';
import { Button } from '../ui/button.tsx';
import { Failure, Skeleton } from '../ui/states.tsx';

const pageSize = 20;

/** Everything that was said in a trace, in order of time. */
export function SpanLog({
  traceId,
  onSelect,
}: {
  readonly traceId: string;
  readonly onSelect: (spanId: string) => void;
}) {
  const log = usePages('getTrace', { params: { traceId }, query: { limit: pageSize } });
  if (log.error) return <Failure error={log.error} />;
  if (!log.pages) return <Skeleton className="m-3 h-48" />;
  const spans = log.pages.flatMap(({ spans }) => spans);
  return (
    <div tabIndex={0} role="region" aria-label="Log of the trace" className="h-full overflow-y-auto">
      <ol className="grid gap-4 p-3">
        {spans.map((span) => (
          <li
            key={span.spanId}
            className="grid gap-2 [contain-intrinsic-size:auto_20rem] [content-visibility:auto]"
          >
            <button
              type="button"
              onClick={() => onSelect(span.spanId)}
              className="flex items-center gap-2 text-left text-xs text-muted hover:text-text"
            >
              <span className="tabular">{formatTime(span.timing.startTime)}</span>
              <span className="font-medium text-text">{span.operation}</span>
              <bdi className="truncate">
                {visibleText(span.agentName ?? span.responseModel ?? span.requestModel)}
              </bdi>
              <OutcomeBadge outcome={span.outcome} status={span.status} />
              <span className="tabular">{formatDuration(span.timing.durationMs)}</span>
            </button>
            <LogEntry span={span} />
          </li>
        ))}
      </ol>
      {log.more && (
        <Button className="m-3" busy={log.isLoadingMore} onClick={log.more}>
          More
        </Button>
      )}
    </div>
  );
}

function LogEntry({ span }: { readonly span: Span }) {
  const turns = useMemo(() => toConversation(span), [span]);
  if (!turns)
    return (
      <p className="rounded-md bg-raised px-3 py-2 text-xs text-muted">
        {span.error ? visibleText(span.error.message) : 'No conversation in this span.'}
      </p>
    );
  // Each call repeats the turns before it: what is new are its last question and its answer.
  const lastQuestion = turns.findLastIndex(({ isAnswer, role }) => !isAnswer && role !== 'assistant');
  return <ConversationView turns={turns.slice(Math.max(0, lastQuestion))} />;
}
