'use client';

import { ChevronRight } from 'lucide-react';
import { useState } from 'react';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';

const openDepth = 5;
const childrenShown = 100;
const textShown = 2000;

/** JSON to open step by step: what is closed costs nothing, however deep or long it is. */
export function JsonTree({
  value,
  name,
  depth = 0,
}: {
  readonly value: unknown;
  readonly name?: string;
  readonly depth?: number;
}) {
  if (typeof value === 'object' && value !== null) return <Branch value={value} name={name} depth={depth} />;
  return (
    <div className="flex gap-1.5 py-px pl-4.5 font-mono text-xs leading-5">
      {name !== undefined && <Name name={name} />}
      <Leaf value={value} />
    </div>
  );
}

function Branch({
  value,
  name,
  depth,
}: {
  readonly value: object;
  readonly name: string | undefined;
  readonly depth: number;
}) {
  const entries = Array.isArray(value)
    ? value.map((item, index) => [String(index), item as unknown] as const)
    : (Object.entries(value) as [string, unknown][]);
  const [open, setOpen] = useState(depth < openDepth && entries.length <= 50);
  const [shown, setShown] = useState(childrenShown);
  const [left, right] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const count = Array.isArray(value)
    ? `${entries.length}`
    : entries
        .map(([key]) => key)
        .slice(0, 4)
        .join(', ');
  return (
    <div className="font-mono text-xs leading-5">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex max-w-full items-center gap-1 rounded py-px text-left hover:bg-raised"
      >
        <ChevronRight
          aria-hidden
          className={cn('size-3.5 shrink-0 text-muted transition-transform', open && 'rotate-90')}
        />
        {name !== undefined && <Name name={name} />}
        <span className="truncate text-muted">
          {left}
          {!open && visibleText(count)}
          {!open && right}
        </span>
      </button>
      {open && (
        <div className={cn(depth < 40 && 'ml-1.5 border-l pl-2')}>
          {entries.slice(0, shown).map(([key, child]) => (
            <JsonTree key={key} name={key} value={child} depth={depth + 1} />
          ))}
          {entries.length > shown && (
            <button
              type="button"
              onClick={() => setShown(shown + 1000)}
              className="pl-4.5 text-accent hover:underline"
            >
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Name({ name }: { readonly name: string }) {
  return <bdi className="shrink-0 text-muted">{visibleText(name)}:</bdi>;
}

function Leaf({ value }: { readonly value: unknown }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== 'string')
    return <span className={value === null ? 'text-muted' : 'text-accent'}>{String(value)}</span>;
  const text = whole ? value : value.slice(0, textShown);
  return (
    <span className="foreign text-ok">
      “{visibleText(text)}”
      {value.length > text.length && (
        <button type="button" onClick={() => setWhole(true)} className="ml-1 text-accent hover:underline">
          {value.length - text.length} more characters
        </button>
      )}
    </span>
  );
}
