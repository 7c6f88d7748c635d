'use client';

import { useEffect, useState } from 'react';

/** Whether `holds` has held for so long: what is over sooner is not shown at all. */
export function useLate(holds: boolean, ms: number): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!holds) return;
    const timer = setTimeout(() => setLate(true), ms);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [holds, ms]);
  return holds && isLate;
}
