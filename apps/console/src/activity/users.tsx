'use client';

import { usePages } from '../api/use-pages.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { usePath } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { useRange } from '../time/range.ts';
import { filterTerm } from '../traces/filter-text.ts';
import { activityColumns, ActivityPage } from './activity-page.tsx';
import { Link } from '../ui/link.tsx';

export function Users() {
  const range = useRange();
  const path = usePath();
  const search = useUrlState().get('search');
  const { pages, error, retry, more } = usePages('listUsers', {
    query: { from: range.from, to: range.to, ...(search !== null && { search }) },
  });
  return (
    <ActivityPage
      title="Users"
      lead="The people behind the calls, by the user id that callers send"
      range={range}
      rows={pages?.flatMap(({ users }) => users)}
      error={error}
      retry={retry}
      more={more}
      keyOf={({ userId }) => userId}
      nothing="Send x-loom-user-id, or `user` in the request, and they are counted here."
      columns={[
        {
          head: 'User',
          cell: ({ userId }) => (
            <Link
              href={`${path('traces')}?filter=${encodeURIComponent(filterTerm('user', userId))}&range=7d`}
              className="hover:text-accent hover:underline"
            >
              <bdi>{visibleText(userId)}</bdi>
            </Link>
          ),
        },
        { head: 'Sessions', align: 'right', cell: ({ sessions }) => formatCount(sessions) },
        ...activityColumns,
      ]}
    />
  );
}
