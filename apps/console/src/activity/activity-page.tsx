'use client';

import type { LoomError } from '@loom/errors';
import { Search } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useUrlState } from '../shell/url-state.ts';
import { RangePicker } from '../time/range-picker.tsx';
import type { TimeRange } from '../time/range.ts';
import { Button } from '../ui/button.tsx';
import { Card, PageHead } from '../ui/card.tsx';
import { Cost } from '../ui/cost.tsx';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { TextInput } from '../ui/field.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { formatCompact, formatCount } from '../format/numbers.ts';
import { formatInstant, formatRelative } from '../format/times.ts';

export interface Activity {
  readonly traces: number;
  readonly spans: number;
  readonly errors: number;
  readonly totalTokens: number;
  readonly totalUsd: string | null;
  readonly withoutPrice: number;
  readonly partlyPriced: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** The columns that sessions and users have in common. */
export const activityColumns: readonly Column<Activity>[] = [
  {
    head: 'Last seen',
    cell: ({ lastSeen }) => <span title={formatInstant(lastSeen)}>{formatRelative(lastSeen)}</span>,
    className: 'whitespace-nowrap',
  },
  { head: 'Traces', align: 'right', cell: ({ traces }) => formatCount(traces) },
  { head: 'Spans', align: 'right', cell: ({ spans }) => formatCount(spans) },
  {
    head: 'Errors',
    align: 'right',
    cell: ({ errors }) => (
      <span className={errors > 0 ? 'text-bad' : 'text-muted'}>{formatCount(errors)}</span>
    ),
  },
  {
    head: 'Tokens',
    align: 'right',
    cell: ({ totalTokens }) => <span title={formatCount(totalTokens)}>{formatCompact(totalTokens)}</span>,
  },
  {
    head: 'Cost',
    align: 'right',
    cell: ({ totalUsd, ...unknown }) => <Cost usd={totalUsd} {...unknown} />,
  },
];

export interface ActivityPageProps<Row extends Activity> {
  readonly title: string;
  readonly lead: string;
  readonly range: TimeRange;
  readonly rows: readonly Row[] | undefined;
  readonly error: LoomError | null;
  readonly retry: () => void;
  readonly more: (() => void) | null;
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly nothing: ReactNode;
}

export function ActivityPage<Row extends Activity>({
  title,
  lead,
  range,
  rows,
  error,
  retry,
  more,
  columns,
  keyOf,
  nothing,
}: ActivityPageProps<Row>) {
  const { get, set } = useUrlState();
  const [wanted, setWanted] = useState(get('search') ?? '');
  return (
    <>
      <PageHead title={title} lead={lead}>
        <form
          role="search"
          className="relative"
          onSubmit={(event) => {
            event.preventDefault();
            set({ search: wanted.trim() }, { push: true });
          }}
        >
          <Search aria-hidden className="absolute top-2.5 left-2.5 size-3.5 text-muted" />
          <TextInput
            aria-label={`Search ${title.toLowerCase()}`}
            placeholder="Search by id"
            className="w-52 pl-8"
            value={wanted}
            onChange={(event) => setWanted(event.target.value)}
          />
        </form>
        <RangePicker range={range} />
      </PageHead>
      <Card>
        {error && !rows ? (
          <Failure error={error} retry={retry} />
        ) : !rows ? (
          <div aria-busy="true" aria-label="Loading" className="grid gap-2 p-4">
            {[...Array(8).keys()].map((line) => (
              <Skeleton key={line} className="h-7" />
            ))}
          </div>
        ) : rows.length === 0 ? (
          <Empty title={`No ${title.toLowerCase()} in this time`}>{nothing}</Empty>
        ) : (
          <>
            <DataTable caption={title} rows={rows} keyOf={keyOf} columns={columns} />
            {more && (
              <div className="border-t p-2 text-center">
                <Button look="ghost" onClick={more}>
                  More
                </Button>
              </div>
            )}
          </>
        )}
      </Card>
    </>
  );
}
