import type { ReactNode } from 'react';
import { Logo } from '../shell/logo.tsx';

/** The frame of the pages before one is inside. */
export function Door({
  title,
  lead,
  children,
}: {
  readonly title: string;
  readonly lead?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="grid w-full max-w-sm gap-6 rounded-2xl border bg-surface p-7 shadow-sm">
        <div className="grid gap-2">
          <Logo className="mb-2 size-9" />
          <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
          {lead !== undefined && <p className="text-muted">{lead}</p>}
        </div>
        {children}
      </div>
    </main>
  );
}
