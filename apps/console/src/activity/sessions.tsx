'use client';

import { usePages } from '../api/use-pages.ts';
import { visibleText } from '../format/foreign-text.ts';
import { usePath } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { useRange } from '../time/range.ts';
import { filterTerm } from '../traces/filter-text.ts';
import { activityColumns, ActivityPage } from './activity-page.tsx';
import { Link } from '../ui/link.tsx';

export function Sessions() {
  const range = useRange();
  const path = usePath();
  const search = useUrlState().get('search');
  const { pages, error, retry, more } = usePages('listSessions', {
    query: { from: range.from, to: range.to, ...(search !== null && { search }) },
  });
  return (
    <ActivityPage
      title="Sessions"
      lead="Conversations, by the session id that callers send"
      range={range}
      rows={pages?.flatMap(({ sessions }) => sessions)}
      error={error}
      retry={retry}
      more={more}
      keyOf={({ sessionId }) => sessionId}
      nothing="Send x-loom-session-id with your calls, and they come together here."
      columns={[
        {
          head: 'Session',
          cell: ({ sessionId }) => (
            <Link
              href={path('sessions', sessionId)}
              className="font-mono text-xs hover:text-accent hover:underline"
            >
              <bdi>{visibleText(sessionId)}</bdi>
            </Link>
          ),
        },
        {
          head: 'User',
          cell: ({ userId }) =>
            userId && (
              <Link
                href={`${path('traces')}?filter=${encodeURIComponent(filterTerm('user', userId))}`}
                className="hover:text-accent hover:underline"
              >
                <bdi>{visibleText(userId)}</bdi>
              </Link>
            ),
        },
        ...activityColumns,
      ]}
    />
  );
}
