'use client';

import { ArrowLeft, GitCompareArrows } from 'lucide-react';
import { Tabs } from 'radix-ui';
import { Group, Panel, Separator } from 'react-resizable-panels';
import type { TraceOutline } from '@loom/api-contract';
import { useLoom } from '../api/loom.tsx';
import { usePath } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { useKeys } from '../shell/use-keys.ts';
import { useIsPhone } from '../traces/use-columns.ts';
import { CopyableId } from '../ui/copy-button.tsx';
import { Link } from '../ui/link.tsx';
import { Failure, Skeleton } from '../ui/states.tsx';
import { SpanDetail } from './span-detail.tsx';
import { SpanList } from './span-list.tsx';
import { SpanLog } from './span-log.tsx';
import { TraceSums } from './trace-head.tsx';

const views = [
  ['tree', 'Tree'],
  ['timeline', 'Timeline'],
  ['log', 'Log'],
] as const;

export function TracePage({ traceId }: { readonly traceId: string }) {
  const path = usePath();
  const { data, error, refetch } = useLoom('getTraceOutline', { params: { traceId } });
  useKeys({ Escape: () => window.history.back() });
  return (
    <div className="-m-4 flex h-[calc(100dvh-3rem)] flex-col md:-m-6">
      <header className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b bg-surface px-4 py-2">
        <Link href={path('traces')} className="flex items-center gap-1 text-muted hover:text-text">
          <ArrowLeft aria-hidden className="size-3.5" /> Traces
        </Link>
        <h1 className="flex items-center gap-1 font-medium">
          Trace <CopyableId id={traceId} label="Copy trace id" />
        </h1>
        {data && <TraceSums outline={data} />}
        <span className="grow" />
        <Link
          href={`${path('compare')}?left=${traceId}`}
          className="flex items-center gap-1 text-xs text-muted hover:text-text"
        >
          <GitCompareArrows aria-hidden className="size-3.5" /> Compare
        </Link>
      </header>
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : data ? (
        <TraceBody outline={data} />
      ) : (
        <Skeleton className="m-4 h-96" />
      )}
    </div>
  );
}

function TraceBody({ outline }: { readonly outline: TraceOutline }) {
  const { get, set } = useUrlState();
  const isPhone = useIsPhone();
  const known = outline.spans.some(({ spanId }) => spanId === get('span'));
  const selected = known ? get('span') : (outline.spans[0]?.spanId ?? null);
  const view = views.find(([name]) => name === get('view'))?.[0] ?? 'tree';
  const select = (span: string) => set({ span });
  const isOne = outline.spans.length === 1;
  const detail = selected === null ? null : <SpanDetail key={selected} spanId={selected} />;
  if (isOne)
    return (
      <div className="min-h-0 grow overflow-y-auto bg-canvas">
        <div className="mx-auto max-w-4xl">{detail}</div>
      </div>
    );
  const list = (
    <Tabs.Root
      value={view}
      onValueChange={(name) => set({ view: name === 'tree' ? null : name })}
      className="flex h-full min-h-0 flex-col bg-surface"
    >
      <Tabs.List aria-label="View of the spans" className="flex shrink-0 gap-1 border-b px-2 pt-1">
        {views.map(([name, label]) => (
          <Tabs.Trigger
            key={name}
            value={name}
            className="-mb-px h-7.5 border-b-2 border-transparent px-2.5 text-muted hover:text-text data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-text"
          >
            {label}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value={view} className="min-h-0 grow">
        {view === 'log' ? (
          <SpanLog traceId={outline.traceId} onSelect={select} />
        ) : (
          <SpanList outline={outline} selected={selected} onSelect={select} mode={view} />
        )}
      </Tabs.Content>
    </Tabs.Root>
  );
  if (isPhone) {
    return (
      <div className="min-h-0 grow overflow-y-auto">
        <div className="h-72 border-b">{list}</div>
        {detail}
      </div>
    );
  }
  return (
    <Group orientation="horizontal" className="min-h-0 grow">
      <Panel defaultSize="42%" minSize="20%">
        {list}
      </Panel>
      <Separator className="w-1 bg-line hover:bg-accent data-[separator=active]:bg-accent" />
      <Panel minSize="30%">
        <div className="h-full overflow-y-auto bg-canvas">{detail}</div>
      </Panel>
    </Group>
  );
}
