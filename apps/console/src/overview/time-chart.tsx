'use client';

import 'uplot/dist/uPlot.min.css';
import { memo, useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import { cn } from '../format/class-names.ts';
import { useAppearance } from '../shell/appearance.ts';
import { chartOptions, type Hover, stackedData } from './chart-options.ts';

export interface ChartSeries {
  readonly key: string;
  readonly label: string;
  /** A CSS colour. */
  readonly color: string;
  /** Bars are stacked. */
  readonly kind: 'bar' | 'line';
}

export interface ChartPoint {
  /** Start of the bucket, unix milliseconds. */
  readonly at: number;
  readonly values: Readonly<Record<string, number | null>>;
}

export interface TimeChartProps {
  /** Never empty, in order of time. */
  readonly points: readonly ChartPoint[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  readonly bucketSeconds: number;
  /** Called with a range that was dragged over, in unix milliseconds. */
  readonly onZoom: (from: number, to: number) => void;
}

/** Drawn on a canvas, and again only when one of its props is another. */
export default memo(function TimeChart({ points, series, format, bucketSeconds, onZoom }: TimeChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [hover, setHover] = useState<Hover | null>(null);
  const appearance = useAppearance();
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const options = chartOptions({
      element,
      points,
      series,
      format,
      bucketSeconds,
      onZoom,
      onHover: setHover,
    });
    const chart = new uPlot(options, stackedData(points, series), element);
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [points, series, format, bucketSeconds, onZoom, appearance]);
  const point = hover && points[hover.index];
  return (
    <div className="relative size-full">
      <div ref={place} className="size-full cursor-crosshair" />
      {point && (
        <div
          className={cn(
            'pointer-events-none absolute top-2 z-10 grid gap-0.5 rounded-lg border bg-surface px-3 py-2 text-xs shadow-lg',
            hover.isRight ? 'left-16' : 'right-2',
          )}
        >
          <p className="text-muted">{new Date(point.at).toLocaleString()}</p>
          {series.toReversed().map(({ key, label, color }) => {
            const value = point.values[key] ?? null;
            return value === null ? null : (
              <p key={key} className="flex items-center gap-2">
                <span className="size-2 rounded-sm" style={{ background: color }} />
                <span className="max-w-48 truncate">{label}</span>
                <span className="tabular ml-auto pl-3 font-medium">{format(value)}</span>
              </p>
            );
          })}
        </div>
      )}
    </div>
  );
});
