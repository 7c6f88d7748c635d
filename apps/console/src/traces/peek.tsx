'use client';

import { ChevronDown, ChevronUp, Maximize2, X } from 'lucide-react';
import { useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { usePath } from '../shell/session.tsx';
import { SpanDetail } from '../trace/span-detail.tsx';
import { SpanList } from '../trace/span-list.tsx';
import { TraceSums } from '../trace/trace-head.tsx';
import { Button } from '../ui/button.tsx';
import { CopyableId } from '../ui/copy-button.tsx';
import { Sheet } from '../ui/dialog.tsx';
import { Link } from '../ui/link.tsx';
import { Failure, Skeleton } from '../ui/states.tsx';

/** A trace beside the list that it is in. */
export function Peek({
  traceId,
  onClose,
  onStep,
}: {
  readonly traceId: string;
  readonly onClose: () => void;
  readonly onStep: (by: number) => void;
}) {
  const path = usePath();
  const { data, error } = useLoom('getTraceOutline', { params: { traceId } });
  const [chosen, setChosen] = useState<string | null>(null);
  const selected =
    data?.spans.find(({ spanId }) => spanId === chosen)?.spanId ?? data?.spans[0]?.spanId ?? null;
  return (
    <Sheet open onOpenChange={onClose} title="Trace">
      <header className="flex items-center gap-1 border-b px-3 py-2">
        <span className="mr-1 font-medium">Trace</span>
        <CopyableId id={traceId} label="Copy trace id" />
        <span className="grow" />
        <Button look="ghost" size="icon" aria-label="Previous trace (K)" onClick={() => onStep(-1)}>
          <ChevronUp aria-hidden className="size-4" />
        </Button>
        <Button look="ghost" size="icon" aria-label="Next trace (J)" onClick={() => onStep(1)}>
          <ChevronDown aria-hidden className="size-4" />
        </Button>
        <Link
          href={path('traces', traceId)}
          aria-label="Open the trace (Enter)"
          title="Open (Enter)"
          className="grid size-8 place-items-center rounded-md text-muted hover:bg-raised hover:text-text"
        >
          <Maximize2 aria-hidden className="size-4" />
        </Link>
        <Button look="ghost" size="icon" aria-label="Close (Esc)" onClick={onClose}>
          <X aria-hidden className="size-4" />
        </Button>
      </header>
      {error && <Failure error={error} />}
      {!data && !error && <Skeleton className="m-4 h-64" />}
      {data && (
        <>
          <div className="border-b px-4 py-2">
            <TraceSums outline={data} />
          </div>
          {data.spans.length > 1 && (
            <div className="h-56 shrink-0 border-b">
              <SpanList outline={data} selected={selected} onSelect={setChosen} mode="tree" />
            </div>
          )}
          <div className="min-h-0 grow overflow-y-auto">
            {selected !== null && <SpanDetail key={selected} spanId={selected} />}
          </div>
        </>
      )}
    </Sheet>
  );
}
