'use client';

import { CalendarClock, ChevronDown } from 'lucide-react';
import { Popover } from 'radix-ui';
import { type SubmitEvent, useState } from 'react';
import { cn } from '../format/class-names.ts';
import { formatTime } from '../format/times.ts';
import { useUrlState } from '../shell/url-state.ts';
import { Button } from '../ui/button.tsx';
import { Field, TextInput } from '../ui/field.tsx';
import { presets, type TimeRange } from './range.ts';

export function RangePopover({ range }: { readonly range: TimeRange }) {
  const { set } = useUrlState();
  const [open, setOpen] = useState(false);
  const label = range.preset
    ? presets[range.preset]?.label
    : `${formatTime(range.from)} – ${formatTime(range.to)}`;
  const choose = (changes: Record<string, string | null>) => {
    set({ range: null, from: null, to: null, ...changes }, { push: true });
    setOpen(false);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button aria-label={`Time range: ${label ?? ''}`}>
          <CalendarClock aria-hidden className="size-3.5 text-muted" />
          {label}
          <ChevronDown aria-hidden className="size-3.5 text-muted" />
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={4}
          collisionPadding={8}
          aria-label="Time range"
          className="z-50 grid w-72 gap-3 rounded-lg border bg-surface p-3 shadow-lg"
        >
          <div className="grid grid-cols-2 gap-1">
            {Object.entries(presets).map(([name, { label }]) => (
              <button
                key={name}
                type="button"
                aria-pressed={range.preset === name}
                onClick={() => choose({ range: name })}
                className={cn(
                  'rounded-md px-2 py-1.5 text-left hover:bg-raised',
                  range.preset === name && 'bg-accent-soft font-medium text-accent',
                )}
              >
                {label}
              </button>
            ))}
          </div>
          <FixedRange
            key={`${range.from}${String(open)}`}
            range={range}
            onChoose={(from, to) => choose({ from, to })}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function FixedRange({
  range,
  onChoose,
}: {
  readonly range: TimeRange;
  readonly onChoose: (from: string, to: string) => void;
}) {
  const [from, setFrom] = useState(() => toLocalInput(range.from));
  const [to, setTo] = useState(() => toLocalInput(range.to));
  const isBackwards = new Date(from) >= new Date(to);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!isBackwards) onChoose(new Date(from).toISOString(), new Date(to).toISOString());
  };
  return (
    <form onSubmit={submit} className="grid gap-2 border-t pt-3">
      <Field label="From">
        {(ids) => (
          <TextInput
            {...ids}
            type="datetime-local"
            step={1}
            required
            value={from}
            onChange={(event) => setFrom(event.target.value)}
          />
        )}
      </Field>
      <Field
        label="To"
        error={isBackwards ? 'The end is not after the start.' : undefined}
        hint="Local time."
      >
        {(ids) => (
          <TextInput
            {...ids}
            type="datetime-local"
            step={1}
            required
            value={to}
            onChange={(event) => setTo(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" look="primary" disabled={isBackwards}>
        Show
      </Button>
    </form>
  );
}

function toLocalInput(instant: string): string {
  const date = new Date(instant);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
