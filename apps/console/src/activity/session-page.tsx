'use client';

import { ArrowLeft } from 'lucide-react';
import { useMemo } from 'react';
import { useLoom } from '../api/loom.tsx';
import { usePages } from '../api/use-pages.ts';
import { toConversation } from '../content/conversation.ts';
import { ConversationView } from '../content/conversation-view.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatCompact, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatTime } from '../format/times.ts';
import { usePath } from '../shell/session.tsx';
import { filterTerm } from '../traces/filter-text.ts';
import { OutcomeBadge } from '../traces/outcome-badge.tsx';
import { Button } from '../ui/button.tsx';
import { PageHead } from '../ui/card.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';

const pageSize = 20;

/** A session as one conversation over its traces: of each call what is new in it. */
export function SessionPage({ sessionId }: { readonly sessionId: string }) {
  const path = usePath();
  const filter = filterTerm('session', sessionId);
  const { pages, error, retry, more, isLoadingMore } = usePages('listTraces', {
    query: { filter, limit: pageSize },
  });
  const traces = pages?.flatMap(({ traces }) => traces).toReversed();
  return (
    <div className="mx-auto grid w-full max-w-4xl gap-5">
      <Link href={path('sessions')} className="flex items-center gap-1 text-muted hover:text-text">
        <ArrowLeft aria-hidden className="size-3.5" /> Sessions
      </Link>
      <PageHead title={`Session ${visibleText(sessionId)}`}>
        <Link
          href={`${path('traces')}?range=30d&filter=${encodeURIComponent(filter)}`}
          className="text-accent hover:underline"
        >
          As traces
        </Link>
      </PageHead>
      {error && !traces && <Failure error={error} retry={retry} />}
      {!traces && !error && <Skeleton className="h-64" />}
      {traces?.length === 0 && <Empty title="Not found">No call of this project has this session id.</Empty>}
      {more && (
        <Button busy={isLoadingMore} onClick={more} className="justify-self-center">
          Earlier
        </Button>
      )}
      <ol className="grid gap-6">
        {traces?.map((trace) => (
          <li
            key={trace.traceId}
            className="grid gap-2 [contain-intrinsic-size:auto_16rem] [content-visibility:auto]"
          >
            <Link
              href={path('traces', trace.traceId)}
              className="tabular flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted hover:text-text"
            >
              <span>{formatTime(trace.startTime)}</span>
              <OutcomeBadge outcome={trace.span.outcome} status={trace.span.status} />
              <span>{trace.span.responseModel ?? trace.span.requestModel}</span>
              <span>{formatDuration(trace.durationMs)}</span>
              <span>{formatCompact(trace.totalTokens)} tokens</span>
              {trace.totalUsd !== null && <span>{formatUsd(trace.totalUsd)}</span>}
            </Link>
            <LastWords spanId={trace.span.spanId} />
          </li>
        ))}
      </ol>
    </div>
  );
}

function LastWords({ spanId }: { readonly spanId: string }) {
  const { data: span, error } = useLoom('getSpan', { params: { spanId } }, { staleTime: Infinity });
  const turns = useMemo(() => (span ? toConversation(span) : null), [span]);
  if (error) return <p className="text-xs text-bad">{error.message}</p>;
  if (!span) return <Skeleton className="h-24" />;
  if (!turns)
    return (
      <p className="rounded-md bg-raised px-3 py-2 text-xs text-muted">
        {span.error ? visibleText(span.error.message) : 'Its content is not on the record as a conversation.'}
      </p>
    );
  const lastQuestion = turns.findLastIndex(({ isAnswer, role }) => !isAnswer && role === 'user');
  return <ConversationView turns={turns.slice(Math.max(0, lastQuestion))} />;
}
