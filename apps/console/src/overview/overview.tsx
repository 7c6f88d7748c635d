'use client';

import dynamic from 'next/dynamic';
import { useCallback, useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { useKeyNames } from '../api/key-names.ts';
import { usePath, useSession } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { RangePicker } from '../time/range-picker.tsx';
import { useRange } from '../time/range.ts';
import { filterTerm } from '../traces/filter-text.ts';
import { PageHead } from '../ui/card.tsx';
import { Failure } from '../ui/states.tsx';
import { groupsMax } from './chart-data.ts';
import { Charts } from './charts.tsx';
import { GroupTable } from './group-table.tsx';
import { type GroupBy, GroupPicker } from './group-picker.tsx';
import { Tiles } from './tiles.tsx';

const FirstCall = dynamic(() => import('../start/first-call.tsx').then(({ FirstCall }) => FirstCall), {
  ssr: false,
});

const groupsShown = 20;

/** Days in charts are those of the person who looks at them. */
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();

export function Overview() {
  const range = useRange();
  const { get, set } = useUrlState();
  const { project, organization } = useSession();
  const path = usePath();
  const keyName = useKeyNames();
  const groupBy = (get('by') ?? 'model') as GroupBy;
  const time = { from: range.from, to: range.to };
  const { bucketSeconds } = range;
  const overview = useLoom(
    'getMetricsOverview',
    { query: { ...time, bucketSeconds, timeZone, groupBy, groupsMax, limit: groupsShown } },
    { keep: true },
  );
  const any = useLoom('listTraces', { query: { limit: 1 } });

  // Names are those of the groups that are shown, while others are being asked for.
  const shownBy = (overview.data?.groupBy ?? groupBy) as GroupBy;
  const nameOf = useCallback(
    (group: string) => {
      if (shownBy === 'key') return keyName(group);
      if (shownBy === 'project') return organization.projects.find(({ id }) => id === group)?.name ?? group;
      return group;
    },
    [shownBy, keyName, organization],
  );
  const zoom = useCallback(
    (from: number, to: number) =>
      set(
        { range: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() },
        { push: true },
      ),
    [set],
  );

  // Decided once: the first call must not take away the page that waits for it.
  const [isFirst, setFirst] = useState<boolean | null>(null);
  if (isFirst === null && any.data && overview.data) {
    setFirst(any.data.traces.length === 0 && overview.data.total === null);
  }
  if (isFirst) return <FirstCall />;
  if (overview.error && !overview.data)
    return <Failure error={overview.error} retry={() => void overview.refetch()} />;

  const timeQuery = range.preset ? { range: range.preset } : time;
  const hrefOf = (filter: string) =>
    `${path('traces')}?${new URLSearchParams({ ...timeQuery, ...(filter && { filter }) }).toString()}`;
  return (
    <div
      aria-busy={overview.isPlaceholderData || overview.isPending}
      data-page="overview"
      className="flex flex-col gap-5"
    >
      <PageHead title="Overview" lead={`${project.name}, compared with the previous period`}>
        <GroupPicker value={groupBy} onChange={(by) => set({ by: by === 'model' ? null : by })} />
        <RangePicker range={range} />
      </PageHead>
      <Tiles now={overview.data?.total} before={overview.data?.before ?? undefined} hrefOf={hrefOf} />
      <Charts overview={overview.data} nameOf={nameOf} onZoom={zoom} />
      <GroupTable
        groups={overview.data?.groups}
        groupBy={shownBy}
        nameOf={nameOf}
        hrefOf={(group) =>
          shownBy === 'project'
            ? `/p/${encodeURIComponent(group)}`
            : hrefOf(filterTerm(shownBy === 'model' ? 'requestModel' : shownBy, group))
        }
      />
    </div>
  );
}
