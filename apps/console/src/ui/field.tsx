'use client';

import { type ComponentProps, createContext, type ReactNode, use, useId } from 'react';
import { cn } from '../format/class-names.ts';

const box =
  'h-8 w-full rounded-md border border-strong bg-surface px-2.5 placeholder:text-muted disabled:opacity-60 aria-invalid:border-bad';

/** The member of the request that the service found fault with. */
export const FaultyParam = createContext<string | undefined>(undefined);

/** A labelled control; what is wrong with it stands below and is read out. One with `param` is marked by its form. */
export function Field({
  label,
  of,
  hasHiddenLabel = false,
  param,
  hint,
  error,
  children,
}: {
  readonly label: string;
  /** The rest of the label, which is only read out: what tells one row's field from another's. */
  readonly of?: string | undefined;
  /** The whole label is only read out: a row above has the same. */
  readonly hasHiddenLabel?: boolean;
  readonly param?: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly children: (ids: { id: string; 'aria-describedby': string; 'aria-invalid': boolean }) => ReactNode;
}) {
  const id = useId();
  const faulty = use(FaultyParam);
  const isFaulty = error !== undefined || (param !== undefined && faulty === param);
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className={hasHiddenLabel ? 'sr-only' : 'text-xs font-medium'}>
        {label}
        {of !== undefined && <span className="sr-only"> of {of}</span>}
      </label>
      {children({ id, 'aria-describedby': `${id}-note`, 'aria-invalid': isFaulty })}
      <div
        id={`${id}-note`}
        className={cn('text-xs empty:hidden', error === undefined ? 'text-muted' : 'text-bad')}
        role={error === undefined ? undefined : 'alert'}
      >
        {error ?? hint}
      </div>
    </div>
  );
}

/** Fields that belong together, under a line. */
export function FieldGroup({
  title,
  note,
  action,
  children,
}: {
  readonly title: string;
  readonly note?: ReactNode;
  readonly action?: ReactNode;
  readonly children?: ReactNode;
}) {
  return (
    <fieldset className="grid min-w-0 gap-2 border-t pt-3">
      <legend className="sr-only">{title}</legend>
      <div className="flex min-h-6.5 flex-wrap items-center gap-x-2 gap-y-1">
        <span aria-hidden className="font-medium">
          {title}
        </span>
        {note !== undefined && <span className="text-xs text-muted">{note}</span>}
        <span className="grow" />
        {action}
      </div>
      {children}
    </fieldset>
  );
}

export function TextInput({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(box, className)} autoComplete="off" spellCheck={false} {...props} />;
}

/** Several lines. `isSecret` hides what is typed; unlike a password it may have more than one line. */
export function TextArea({
  className,
  isSecret = false,
  ...props
}: ComponentProps<'textarea'> & { readonly isSecret?: boolean }) {
  return (
    <textarea
      className={cn(
        box,
        'h-auto min-h-8 py-1.5',
        isSecret && 'resize-none [-webkit-text-security:disc]',
        className,
      )}
      autoComplete="off"
      spellCheck={false}
      {...props}
    />
  );
}

export function Select({ className, children, ...props }: ComponentProps<'select'>) {
  return (
    <select className={cn(box, 'pr-7', className)} {...props}>
      {children}
    </select>
  );
}
