'use client';

import type { KeyboardEvent, PointerEvent } from 'react';
import { columnWidthMax, columnWidthMin, type WidthChange } from './use-column-widths.ts';

const step = 16;

/** The edge of a column's head: drag it, or move it with the arrow keys; a double click gives it back to its content. */
export function ColumnHandle({
  label,
  width,
  onWidth,
}: {
  readonly label: string;
  /** Pixels; undefined: as wide as its content. */
  readonly width: number | undefined;
  readonly onWidth: (change: WidthChange) => void;
}) {
  const widthOf = (handle: Element) => handle.parentElement?.getBoundingClientRect().width ?? 0;
  const drag = (event: PointerEvent<HTMLSpanElement>) => {
    const handle = event.currentTarget;
    const [startX, startWidth] = [event.clientX, widthOf(handle)];
    handle.setPointerCapture(event.pointerId);
    const move = ({ clientX }: globalThis.PointerEvent) => onWidth(() => startWidth + clientX - startX);
    handle.addEventListener('pointermove', move);
    handle.addEventListener('lostpointercapture', () => handle.removeEventListener('pointermove', move), {
      once: true,
    });
  };
  const press = (event: KeyboardEvent<HTMLSpanElement>) => {
    const by = { ArrowLeft: -step, ArrowRight: step }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const drawn = widthOf(event.currentTarget);
    onWidth((before) => (before ?? drawn) + by);
  };
  return (
    <span
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${label}`}
      aria-valuemin={columnWidthMin}
      aria-valuemax={columnWidthMax}
      aria-valuenow={width ?? columnWidthMin}
      aria-valuetext={width === undefined ? 'As wide as its content' : `${width} pixels`}
      tabIndex={-1}
      onPointerDown={drag}
      onKeyDown={press}
      onDoubleClick={() => onWidth(() => null)}
      className="absolute inset-y-0 right-0 w-1.5 cursor-col-resize touch-none hover:bg-accent group-hover:bg-line focus-visible:bg-accent"
    />
  );
}
