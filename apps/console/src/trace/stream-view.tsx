'use client';

import { Pause, Play } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { LongText } from '../content/long-text.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatBytes, formatCount, formatDuration } from '../format/numbers.ts';
import { Button } from '../ui/button.tsx';
import { Select } from '../ui/field.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { type StreamStep, toSteps } from './stream-chunks.ts';

const rowsMax = 500;

/** The answer chunk by chunk on its time axis, and played again at the speed at which it came. */
export function StreamView({ spanId }: { readonly spanId: string }) {
  const { data, error } = useLoom('getSpanChunks', { params: { spanId } }, { staleTime: Infinity });
  const steps = useMemo(() => (data ? toSteps(data.chunks) : []), [data]);
  if (error) return <Failure error={error} />;
  if (!data) return <Skeleton className="h-48" />;
  if (steps.length === 0) return <Empty title="No chunks">The stream ended before its first byte.</Empty>;
  return <Player steps={steps} />;
}

function Player({ steps }: { readonly steps: readonly StreamStep[] }) {
  const end = steps.at(-1)?.atMs ?? 0;
  const [at, setAt] = useState(end);
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  useEffect(() => {
    if (!isPlaying) return undefined;
    let last = performance.now();
    let frame = requestAnimationFrame(function advance(now) {
      const passed = (now - last) * speed;
      last = now;
      setAt((before) => Math.min(end, before + passed));
      frame = requestAnimationFrame(advance);
    });
    return () => cancelAnimationFrame(frame);
  }, [isPlaying, speed, end]);
  useEffect(() => {
    if (at >= end) setPlaying(false);
  }, [at, end]);
  const said = useMemo(
    () =>
      steps
        .filter(({ atMs }) => atMs <= at)
        .map(({ said }) => said)
        .join(''),
    [steps, at],
  );
  const count = steps.filter(({ atMs }) => atMs <= at).length;
  const toggle = () => {
    if (!isPlaying && at >= end) setAt(0);
    setPlaying(!isPlaying);
  };
  const Icon = isPlaying ? Pause : Play;
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <Button onClick={toggle} aria-label={isPlaying ? 'Pause' : 'Replay at recorded speed'}>
          <Icon aria-hidden className="size-3.5" /> {isPlaying ? 'Pause' : 'Replay'}
        </Button>
        <Select
          aria-label="Speed"
          className="w-20"
          value={speed}
          onChange={(event) => setSpeed(Number(event.target.value))}
        >
          {[0.25, 0.5, 1, 2, 5, 10].map((value) => (
            <option key={value} value={value}>
              {value}×
            </option>
          ))}
        </Select>
        <input
          type="range"
          aria-label="Time in the stream"
          min={0}
          max={end}
          step="any"
          value={at}
          onChange={(event) => setAt(Number(event.target.value))}
          className="min-w-32 grow accent-(--accent)"
        />
        <span className="tabular w-44 text-right text-xs text-muted">
          {formatDuration(at)} of {formatDuration(end)} · {formatCount(count)} chunks
        </span>
      </div>
      <Axis steps={steps} at={at} end={end} />
      <div className="min-h-24 rounded-lg border px-3.5 py-3" aria-live="off">
        <LongText text={said} className="leading-6" />
      </div>
      <Chunks steps={steps} at={at} />
    </div>
  );
}

/** A tick a chunk, as high as its bytes. */
function Axis({
  steps,
  at,
  end,
}: {
  readonly steps: readonly StreamStep[];
  readonly at: number;
  readonly end: number;
}) {
  const largest = Math.max(...steps.map(({ bytes }) => bytes), 1);
  const path = steps
    .map(
      ({ atMs, bytes }) =>
        `M${end === 0 ? 0 : (atMs / end) * 1000} 40V${40 - Math.max(4, (bytes / largest) * 36)}`,
    )
    .join('');
  return (
    <svg
      role="img"
      aria-label={`${steps.length} chunks over ${formatDuration(end)}`}
      viewBox="0 0 1000 40"
      preserveAspectRatio="none"
      className="h-10 w-full rounded bg-raised"
    >
      <path d={path} stroke="var(--accent)" strokeWidth="1.2" vectorEffect="non-scaling-stroke" />
      <path
        d={`M${end === 0 ? 0 : (at / end) * 1000} 0V40`}
        stroke="var(--text)"
        strokeWidth="1.5"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

function Chunks({ steps, at }: { readonly steps: readonly StreamStep[]; readonly at: number }) {
  return (
    <details className="rounded-lg border">
      <summary className="cursor-pointer px-3 py-2 text-xs font-medium text-muted">
        Chunks as they came
      </summary>
      <div tabIndex={0} role="region" aria-label="Chunks" className="max-h-96 overflow-auto border-t">
        <table className="tabular w-full text-xs">
          <thead>
            <tr className="text-left text-muted">
              <th className="px-3 py-1 font-normal">At</th>
              <th className="px-3 py-1 text-right font-normal">Gap</th>
              <th className="px-3 py-1 text-right font-normal">Bytes</th>
              <th className="px-3 py-1 font-normal">Said</th>
            </tr>
          </thead>
          <tbody>
            {steps.slice(0, rowsMax).map(({ atMs, bytes, said, raw }, index) => (
              <tr
                key={index}
                className={atMs > at ? 'opacity-40' : ''}
                title={visibleText(raw.slice(0, 1000))}
              >
                <td className="px-3 py-0.5 whitespace-nowrap">{formatDuration(atMs)}</td>
                <td className="px-3 py-0.5 text-right whitespace-nowrap text-muted">
                  +{formatDuration(atMs - (steps[index - 1]?.atMs ?? 0))}
                </td>
                <td className="px-3 py-0.5 text-right whitespace-nowrap">{formatBytes(bytes)}</td>
                <td className="foreign w-full px-3 py-0.5">{visibleText(said.slice(0, 300))}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {steps.length > rowsMax && (
          <p className="px-3 py-2 text-xs text-muted">
            The first {rowsMax} of {formatCount(steps.length)}.
          </p>
        )}
      </div>
    </details>
  );
}
