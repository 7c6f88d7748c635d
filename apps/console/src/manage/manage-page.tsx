'use client';

import type { LoomError } from '@loom/errors';
import type { ReactNode } from 'react';
import { Card, PageHead } from '../ui/card.tsx';
import { type Column, DataTable } from '../ui/data-table.tsx';
import { Failure, Skeleton } from '../ui/states.tsx';

export interface ManagePageProps<Row> {
  readonly title: string;
  readonly lead: ReactNode;
  /** What can be done, at the head of the page. */
  readonly actions?: ReactNode;
  readonly rows: readonly Row[] | undefined;
  readonly error: LoomError | null;
  readonly retry: () => void;
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly empty: ReactNode;
  readonly children?: ReactNode;
}

/** A page with one table of what people configure. */
export function ManagePage<Row>({
  title,
  lead,
  actions,
  rows,
  error,
  retry,
  columns,
  keyOf,
  empty,
  children,
}: ManagePageProps<Row>) {
  return (
    <>
      <PageHead title={title} lead={lead}>
        {actions}
      </PageHead>
      <Card>
        {error && !rows ? (
          <Failure error={error} retry={retry} />
        ) : !rows ? (
          <div aria-busy="true" aria-label="Loading" className="grid gap-2 p-4">
            {[...Array(4).keys()].map((line) => (
              <Skeleton key={line} className="h-8" />
            ))}
          </div>
        ) : rows.length === 0 ? (
          empty
        ) : (
          <DataTable caption={title} rows={rows} keyOf={keyOf} columns={columns} />
        )}
      </Card>
      {children}
    </>
  );
}
