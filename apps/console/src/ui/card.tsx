import type { ReactNode } from 'react';
import { cn } from '../format/class-names.ts';

export function Card({
  title,
  aside,
  className,
  children,
}: {
  readonly title?: ReactNode;
  readonly aside?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <section className={cn('min-w-0 rounded-xl border bg-surface', className)}>
      {title !== undefined && (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 px-4 pt-2.5">
          <h2 className="font-medium">{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}

/** The head of a page: what it is, what can be done. */
export function PageHead({
  title,
  lead,
  children,
}: {
  readonly title: string;
  readonly lead?: ReactNode;
  readonly children?: ReactNode;
}) {
  return (
    <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="grid gap-0.5">
        <h1 className="text-lg font-semibold tracking-tight">{title}</h1>
        {lead !== undefined && <p className="max-w-2xl text-muted">{lead}</p>}
      </div>
      <div className="flex flex-wrap items-center gap-2">{children}</div>
    </div>
  );
}
