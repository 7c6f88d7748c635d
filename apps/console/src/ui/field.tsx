'use client';

import { type ComponentProps, type ReactNode, useId } from 'react';
import { cn } from '../format/class-names.ts';

const box =
  'h-8 w-full rounded-md border border-strong bg-surface px-2.5 placeholder:text-muted disabled:opacity-60';

/** A labelled control; what is wrong with it stands below and is read out. */
export function Field({
  label,
  hint,
  error,
  children,
}: {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly children: (ids: { id: string; 'aria-describedby': string; 'aria-invalid': boolean }) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="text-xs font-medium">
        {label}
      </label>
      {children({ id, 'aria-describedby': `${id}-note`, 'aria-invalid': error !== undefined })}
      <div
        id={`${id}-note`}
        className={cn('text-xs', error === undefined ? 'text-muted' : 'text-bad')}
        role={error === undefined ? undefined : 'alert'}
      >
        {error ?? hint}
      </div>
    </div>
  );
}

export function TextInput({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(box, className)} autoComplete="off" spellCheck={false} {...props} />;
}

export function Select({ className, children, ...props }: ComponentProps<'select'>) {
  return (
    <select className={cn(box, 'pr-7', className)} {...props}>
      {children}
    </select>
  );
}
