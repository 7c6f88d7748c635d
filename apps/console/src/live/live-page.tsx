'use client';

import { Pause, Play, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { useKeyNames } from '../api/key-names.ts';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatCompact, formatCount, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { usePath } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { useKeys } from '../shell/use-keys.ts';
import { OutcomeBadge } from '../traces/outcome-badge.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { TextInput } from '../ui/field.tsx';
import { Link } from '../ui/link.tsx';
import { Empty } from '../ui/states.tsx';
import { callsMax, type LiveCall, parseLiveFilter } from './live-calls.ts';
import { type LiveLink, useLive } from './use-live.ts';

const links: Readonly<Record<LiveLink, readonly [tone: string, text: string]>> = {
  connecting: ['bg-warn', 'Connecting'],
  live: ['bg-ok', 'Live'],
  broken: ['bg-bad', 'Connection lost, trying again'],
};
const rowHeight = 36;
const template =
  'grid-cols-[5.5rem_7.5rem_minmax(8rem,1fr)] md:grid-cols-[5.5rem_7.5rem_minmax(9rem,1fr)_minmax(0,2.5fr)_6rem_6rem_5.5rem_5rem_5.5rem]';

export function LivePage() {
  const { get, set } = useUrlState();
  const text = get('filter') ?? '';
  const [isPaused, setPaused] = useState(false);
  const { state, link, waiting, clear } = useLive(isPaused);
  const filter = useMemo(() => parseLiveFilter(text), [text]);
  const calls = useMemo(() => state.calls.filter(filter.matches), [state.calls, filter]);
  useKeys({ p: () => setPaused(!isPaused), '/': () => document.getElementById('live-filter')?.focus() });
  const [tone, linkText] = links[link];
  const Icon = isPaused ? Play : Pause;
  return (
    <div className="-m-4 flex h-[calc(100dvh-3rem)] flex-col md:-m-6">
      <div className="flex flex-wrap items-center gap-2 border-b bg-surface px-3 py-2">
        <h1 className="font-medium">Live tail</h1>
        <span role="status" className="flex items-center gap-1.5 text-xs text-muted">
          <span
            aria-hidden
            className={cn('size-2 rounded-full', tone, link === 'live' && !isPaused && 'animate-pulse')}
          />
          {isPaused ? `Paused${waiting > 0 ? `, ${formatCount(waiting)} events wait` : ''}` : linkText}
        </span>
        <div className="min-w-48 grow">
          <TextInput
            id="live-filter"
            aria-label="Filter of the live tail"
            aria-invalid={filter.fault !== null}
            placeholder="model:gpt -status:ok refund"
            className="font-mono text-xs"
            value={text}
            onChange={(event) => set({ filter: event.target.value })}
          />
        </div>
        <Button onClick={() => setPaused(!isPaused)} aria-pressed={isPaused}>
          <Icon aria-hidden className="size-3.5" /> {isPaused ? 'Go on' : 'Pause'}
        </Button>
        <Button onClick={clear} aria-label="Clear the list">
          <Trash2 aria-hidden className="size-3.5" />
        </Button>
      </div>
      {filter.fault && (
        <p role="alert" className="border-b bg-bad-soft px-3 py-1.5 text-xs text-bad">
          {filter.fault}
        </p>
      )}
      {state.dropped > 0 && (
        <p className="border-b bg-warn-soft px-3 py-1.5 text-xs text-warn">
          {formatCount(state.dropped)} events were left out: they came faster than this page could take them.
          All of them are on the record.
        </p>
      )}
      {calls.length === 0 ? (
        <div className="grow bg-surface">
          <Empty title={state.calls.length > 0 ? 'No call matches the filter' : 'Waiting for calls'}>
            {state.calls.length > 0
              ? `${formatCount(state.calls.length)} calls do not.`
              : 'Calls appear here as they start, stream and end.'}
          </Empty>
        </div>
      ) : (
        <LiveTable calls={calls} />
      )}
    </div>
  );
}

function LiveTable({ calls }: { readonly calls: readonly LiveCall[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: calls.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => calls[index]?.spanId ?? index,
    overscan: 10,
  });
  return (
    <div
      ref={scroller}
      role="table"
      aria-label="Live calls"
      aria-rowcount={calls.length}
      tabIndex={0}
      className="min-h-0 grow overflow-auto bg-surface"
    >
      <div
        role="row"
        className={cn(
          'sticky top-0 z-10 grid h-8 items-center gap-2 border-b bg-surface px-3 text-xs text-muted',
          template,
        )}
      >
        {['Time', 'State', 'Model', 'Input', 'API key', 'Duration', 'First chunk', 'Tokens', 'Cost'].map(
          (label, index) => (
            <span
              key={label}
              role="columnheader"
              className={cn(
                'truncate font-medium',
                index > 2 && 'hidden md:block',
                index > 4 && 'text-right',
              )}
            >
              {label}
            </span>
          ),
        )}
      </div>
      <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
        {virtualizer.getVirtualItems().map(({ index, key, start }) => {
          const call = calls[index];
          return call && <LiveRow key={key} call={call} top={start} />;
        })}
      </div>
      {calls.length >= callsMax && (
        <p className="p-2 text-center text-xs text-muted">
          The newest {callsMax}. The others are under Traces.
        </p>
      )}
    </div>
  );
}

function LiveRow({ call, top }: { readonly call: LiveCall; readonly top: number }) {
  const path = usePath();
  const keyName = useKeyNames();
  const number = 'tabular hidden truncate text-right md:block';
  return (
    <Link
      role="row"
      href={`${path('traces', call.traceId)}?span=${call.spanId}`}
      style={{ height: rowHeight, transform: `translateY(${top}px)` }}
      className={cn(
        'absolute inset-x-0 top-0 grid items-center gap-2 border-b px-3 hover:bg-raised/60',
        template,
      )}
    >
      <span role="cell" title={formatInstant(call.startTime)} className="tabular truncate">
        {formatTime(call.startTime)}
      </span>
      <span role="cell">
        {call.phase === 'ended' ? (
          <OutcomeBadge outcome={call.outcome} status={call.status} />
        ) : (
          <Badge tone="accent">
            <span aria-hidden className="size-1.5 animate-pulse rounded-full bg-accent" />
            {call.phase}
          </Badge>
        )}
      </span>
      <bdi role="cell" className="truncate">
        {visibleText(call.model)}
      </bdi>
      <bdi role="cell" className="hidden truncate text-muted md:block">
        {visibleText(call.inputPreview).replaceAll('\n', ' ') || call.errorType}
      </bdi>
      <span role="cell" className="hidden truncate text-muted md:block">
        {keyName(call.keyId)}
      </span>
      <span role="cell" className={number}>
        {call.durationMs === null ? '…' : formatDuration(call.durationMs)}
      </span>
      <span role="cell" className={number}>
        {call.timeToFirstChunkMs === null ? '–' : formatDuration(call.timeToFirstChunkMs)}
      </span>
      <span role="cell" className={number}>
        {call.totalTokens === null ? '–' : formatCompact(call.totalTokens)}
      </span>
      <span role="cell" className={number}>
        {call.totalUsd === null ? '–' : formatUsd(call.totalUsd)}
      </span>
    </Link>
  );
}
