'use client';

import { useState } from 'react';
import {
  Bar,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceArea,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';

export interface ChartSeries {
  readonly key: string;
  readonly label: string;
  /** A CSS colour. */
  readonly color: string;
  readonly kind: 'bar' | 'line';
}

export interface ChartPoint {
  /** Start of the bucket, unix milliseconds. */
  readonly at: number;
  readonly values: Readonly<Record<string, number | null>>;
}

export interface TimeChartProps {
  readonly points: readonly ChartPoint[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  readonly bucketSeconds: number;
  /** Called with a range that was dragged over, in unix milliseconds. */
  readonly onZoom: (from: number, to: number) => void;
}

const tick = { fill: 'var(--muted)', fontSize: 11 };

export default function TimeChart({ points, series, format, bucketSeconds, onZoom }: TimeChartProps) {
  const [drag, setDrag] = useState<{ readonly from: number; readonly to: number } | null>(null);
  const at = (state: { activeLabel?: string | number | undefined }) =>
    state.activeLabel === undefined ? null : Number(state.activeLabel);
  const finish = () => {
    if (drag && drag.from !== drag.to) {
      const [first, last] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      onZoom(first, last + bucketSeconds * 1000);
    }
    setDrag(null);
  };
  const days = daysOf(points);
  const data = points.map(({ at, values }) => ({ at, ...values }));
  return (
    <ResponsiveContainer width="100%" height="100%">
      <ComposedChart
        data={data}
        margin={{ top: 8, right: 8, bottom: 0, left: 0 }}
        barCategoryGap={1}
        accessibilityLayer={false}
        onMouseDown={(state) => {
          const from = at(state);
          if (from !== null) setDrag({ from, to: from });
        }}
        onMouseMove={(state) => {
          const to = at(state);
          if (drag && to !== null) setDrag({ ...drag, to });
        }}
        onMouseUp={finish}
        onMouseLeave={() => setDrag(null)}
        style={{ cursor: 'crosshair', userSelect: 'none' }}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="at"
          {...(days.length > 1 && { ticks: days })}
          tickFormatter={(value: number) =>
            days.length > 1 ? day.format(value) : axisTime(value, bucketSeconds)
          }
          tick={tick}
          stroke="var(--line)"
          minTickGap={48}
          tickLine={false}
        />
        <YAxis
          width={56}
          tickFormatter={format}
          tick={tick}
          axisLine={false}
          tickLine={false}
          tickCount={4}
          domain={[0, 'auto']}
        />
        <Tooltip
          isAnimationActive={false}
          cursor={{ fill: 'var(--raised)', stroke: 'var(--strong)', fillOpacity: 0.6 }}
          content={({ active, payload, label }) =>
            active && payload.length > 0 && !drag ? (
              <div className="grid gap-0.5 rounded-lg border bg-surface px-3 py-2 text-xs shadow-lg">
                <p className="text-muted">{new Date(Number(label)).toLocaleString()}</p>
                {payload.toReversed().map(({ name, value, color }) => (
                  <p key={String(name)} className="flex items-center gap-2">
                    <span className="size-2 rounded-sm" style={{ background: color ?? '' }} />
                    <span className="max-w-48 truncate">{String(name)}</span>
                    <span className="tabular ml-auto pl-3 font-medium">{format(Number(value))}</span>
                  </p>
                ))}
              </div>
            ) : null
          }
        />
        {series.map(({ key, label, color, kind }) =>
          kind === 'bar' ? (
            <Bar
              key={key}
              dataKey={key}
              name={label}
              stackId="all"
              fill={color}
              isAnimationActive={false}
              maxBarSize={28}
            />
          ) : (
            <Line
              key={key}
              dataKey={key}
              name={label}
              stroke={color}
              strokeWidth={1.75}
              dot={(dot: unknown) => loneDot(dot as DotProps, data)}
              isAnimationActive={false}
              connectNulls={false}
              type="monotone"
            />
          ),
        )}
        {drag && <ReferenceArea x1={drag.from} x2={drag.to} fill="var(--accent)" fillOpacity={0.15} />}
      </ComposedChart>
    </ResponsiveContainer>
  );
}

interface DotProps {
  readonly cx?: number;
  readonly cy?: number;
  readonly index: number;
  readonly dataKey?: unknown;
  readonly stroke?: string;
}

/** A point without neighbours would be a line without length. */
function loneDot({ cx, cy, index, dataKey, stroke }: DotProps, values: readonly object[]) {
  const valueAt = (at: number) =>
    (values[at] as Record<string, number | null> | undefined)?.[String(dataKey)] ?? null;
  const isLone = valueAt(index) !== null && valueAt(index - 1) === null && valueAt(index + 1) === null;
  return isLone ? <circle key={index} cx={cx} cy={cy} r={2.5} fill={stroke} /> : <g key={index} />;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

const daysFrom = 3;

/** Where each local day begins, for charts over several of them; empty for shorter ones. */
function daysOf(points: readonly ChartPoint[]): number[] {
  const starts = points.filter(({ at }, index) => {
    const before = points[index - 1];
    return before !== undefined && new Date(before.at).getDate() !== new Date(at).getDate();
  });
  return starts.length < daysFrom ? [] : starts.map(({ at }) => at);
}

function axisTime(at: number, bucketSeconds: number): string {
  const date = new Date(at);
  if (bucketSeconds < 60) return clockWithSeconds.format(date);
  return date.getHours() === 0 && date.getMinutes() === 0 ? day.format(date) : clock.format(date);
}
