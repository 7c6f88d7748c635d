import type { ReactNode } from 'react';
import { cn } from '../format/class-names.ts';

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => ReactNode;
  readonly align?: 'right';
  readonly className?: string;
}

/** A short table of records; long lists are virtual and live elsewhere. Scrolls sideways where it must. */
export function DataTable<Row>({
  columns,
  rows,
  keyOf,
  caption,
}: {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly caption: string;
}) {
  return (
    // A region that scrolls must be reachable by keyboard.
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={caption}>
      <table className="w-full text-left">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-b text-xs text-muted">
            {columns.map(({ head, align, className }) => (
              <th
                key={head}
                scope="col"
                className={cn(
                  'px-4 py-2 font-medium whitespace-nowrap',
                  align === 'right' && 'text-right',
                  className,
                )}
              >
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className="border-b last:border-0 hover:bg-raised/50">
              {columns.map(({ head, cell, align, className }) => (
                <td
                  key={head}
                  className={cn(
                    'px-4 py-2 align-middle',
                    align === 'right' && 'tabular text-right whitespace-nowrap',
                    className,
                  )}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
