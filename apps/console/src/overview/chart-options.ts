import uPlot from 'uplot';
import type { ChartPoint, ChartSeries, TimeChartProps } from './time-chart.tsx';

/** What the pointer is over. */
export interface Hover {
  readonly index: number;
  /** In the right half, where the tooltip would hide it. */
  readonly isRight: boolean;
}

/** Times, then values as they are drawn: bars from the top of the stack down, so that each covers the ones behind it. */
export function stackedData(
  points: readonly ChartPoint[],
  series: readonly ChartSeries[],
): uPlot.AlignedData {
  const valuesOf = (key: string) => points.map(({ values }) => values[key] ?? null);
  let below = points.map(() => 0);
  const drawn = series.map(({ key, kind }) => {
    if (kind === 'line') return valuesOf(key);
    below = valuesOf(key).map((value, at) => (below[at] ?? 0) + (value ?? 0));
    return below;
  });
  return [points.map(({ at }) => at), ...drawn.toReversed()];
}

export function chartOptions({
  element,
  points,
  series,
  format,
  bucketSeconds,
  onZoom,
  onHover,
}: TimeChartProps & {
  readonly element: HTMLElement;
  readonly onHover: (hover: Hover | null) => void;
}): uPlot.Options {
  const paint = painter(element);
  const bucketMs = bucketSeconds * 1000;
  const [first = 0, last = 0] = [points[0]?.at, points.at(-1)?.at];
  const axis = {
    stroke: paint('var(--muted)'),
    font: `11px ${getComputedStyle(element).fontFamily}`,
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    ms: 1,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: true, range: () => [first, last + bucketMs] },
      y: { range: (_chart, _min, max) => [0, max > 0 ? max * 1.05 : 1] },
    },
    axes: [
      {
        ...axis,
        space: 64,
        size: 28,
        grid: { show: false },
        values: (_chart, splits, _at, _space, step) => splits.map((at) => timeLabel(at, step)),
      },
      {
        ...axis,
        space: 40,
        size: 56,
        grid: { stroke: paint('var(--line)'), width: 1 },
        values: (_chart, splits) => splits.map(format),
      },
    ],
    series: [{}, ...series.toReversed().map((one) => drawing(one, paint(one.color)))],
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
    },
    hooks: {
      setCursor: [
        ({ cursor, bbox }) =>
          onHover(
            typeof cursor.idx === 'number' && (cursor.left ?? -1) >= 0
              ? { index: cursor.idx, isRight: (cursor.left ?? 0) * devicePixelRatio > bbox.width / 2 }
              : null,
          ),
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width === 0) return;
          const [from, to] = [
            points[chart.posToIdx(left)]?.at ?? first,
            points[chart.posToIdx(left + width)]?.at ?? last,
          ];
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onZoom(from, to + bucketMs);
        },
      ],
    },
  };
}

function drawing({ kind, label }: ChartSeries, color: string): uPlot.Series {
  if (kind === 'bar') {
    const paths = uPlot.paths.bars?.({ align: 1, size: [0.9, 28] });
    return { label, fill: color, stroke: color, width: 0, points: { show: false }, ...(paths && { paths }) };
  }
  return {
    label,
    stroke: color,
    width: 1.75,
    points: { show: true, size: 5, fill: color, filter: lonePoints },
  };
}

/** A point without neighbours would be a line without length. */
function lonePoints(chart: uPlot, seriesIndex: number): number[] {
  const values = chart.data[seriesIndex] ?? [];
  const isThere = (at: number) => typeof values[at] === 'number';
  return Array.from(values, (_, at) => at).filter(
    (at) => isThere(at) && !isThere(at - 1) && !isThere(at + 1),
  );
}

/** A canvas knows no variables: colours as the page has them now. */
function painter(element: HTMLElement): (color: string) => string {
  return (color) => {
    // A new element each time: one that is there may be in transition to the colour, and tell the one before.
    const probe = document.createElement('span');
    probe.style.color = color;
    element.append(probe);
    const resolved = getComputedStyle(probe).color;
    probe.remove();
    return resolved;
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const minuteMs = 60_000;

/** Of a place on the axis whose neighbour is `stepMs` away. */
export function timeLabel(at: number, stepMs: number): string {
  if (stepMs < minuteMs) return clockWithSeconds.format(at);
  const date = new Date(at);
  return date.getHours() === 0 && date.getMinutes() === 0 ? day.format(at) : clock.format(at);
}
