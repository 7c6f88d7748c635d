'use client';

import { useLoom } from '../api/loom.tsx';
import { cn } from '../format/class-names.ts';
import { formatCompact } from '../format/numbers.ts';

const behindRecords = 1000;
const pollMs = 5000;

/** How far what can be seen is behind what happens. */
export function FreshnessMark() {
  const { data, error } = useLoom('getFreshness', {}, { refetchInterval: pollMs, staleTime: 0 });
  const lag = Math.max(data?.ingestLagRecords ?? 0, data?.pricingLagRecords ?? 0);
  const [tone, text] = error
    ? ['bg-bad', 'No answer']
    : lag >= behindRecords
      ? ['bg-warn', `${formatCompact(lag)} events behind`]
      : ['bg-ok', 'Up to date'];
  return (
    <span
      role="status"
      title={
        data
          ? `Records not taken in yet: ingest ${data.ingestLagRecords ?? 'unknown'}, pricing ${data.pricingLagRecords ?? 'unknown'}`
          : error?.message
      }
      className="flex items-center gap-1.5 text-xs text-muted"
    >
      <span aria-hidden className={cn('size-2 rounded-full', tone)} />
      <span className="hidden sm:inline">{text}</span>
      <span className="sr-only sm:hidden">{text}</span>
    </span>
  );
}
