'use client';

import { Download, GitCompareArrows, X } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useClient } from '../api/loom.tsx';
import { usePath } from '../shell/session.tsx';
import { Button } from '../ui/button.tsx';
import { notify } from '../ui/toaster.tsx';
import { download, exportTraces } from './export-traces.ts';

const exportMax = 1000;

/** What can be done with the traces that are selected. */
export function SelectionBar({
  traceIds,
  onClear,
}: {
  readonly traceIds: readonly string[];
  readonly onClear: () => void;
}) {
  const { client, projectId } = useClient();
  const router = useRouter();
  const path = usePath();
  const [done, setDone] = useState<number | null>(null);
  const save = async () => {
    setDone(0);
    try {
      const blob = await exportTraces(client, traceIds, setDone);
      download(blob, `loom-${projectId}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.jsonl`);
    } catch (error) {
      notify(`The export failed: ${error instanceof Error ? error.message : String(error)}`, {
        isError: true,
      });
    } finally {
      setDone(null);
    }
  };
  const [left, right] = traceIds;
  return (
    <div
      role="toolbar"
      aria-label="Selection"
      className="flex flex-wrap items-center gap-2 border-b bg-accent-soft px-3 py-1.5"
    >
      <span className="font-medium">{traceIds.length} selected</span>
      <Button
        size="small"
        busy={done !== null}
        disabled={traceIds.length > exportMax}
        onClick={() => void save()}
        title={traceIds.length > exportMax ? `At most ${exportMax} at once` : undefined}
      >
        <Download aria-hidden className="size-3" />
        {done === null ? 'Export JSONL' : `${done} of ${traceIds.length}`}
      </Button>
      <Button
        size="small"
        disabled={traceIds.length !== 2}
        title={traceIds.length === 2 ? undefined : 'Select two traces'}
        onClick={() => router.push(`${path('compare')}?left=${left ?? ''}&right=${right ?? ''}`)}
      >
        <GitCompareArrows aria-hidden className="size-3" /> Compare
      </Button>
      <span className="grow" />
      <Button size="small" look="ghost" onClick={onClear}>
        <X aria-hidden className="size-3" /> Clear
      </Button>
    </div>
  );
}
