'use client';

import dynamic from 'next/dynamic';
import { Skeleton } from '../ui/states.tsx';

/** Comes after the page: what it is made of weighs more than the page's own words. */
export const RangePicker = dynamic(
  () => import('./range-popover.tsx').then(({ RangePopover }) => RangePopover),
  {
    ssr: false,
    loading: () => <Skeleton className="h-8 w-40" />,
  },
);
