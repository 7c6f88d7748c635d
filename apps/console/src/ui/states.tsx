'use client';

import type { LoomError } from '@loom/errors';
import { AlertTriangle, Lock, SearchX, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from '../format/class-names.ts';
import { Button } from './button.tsx';

/** A grey place of the size that the content will have. */
export function Skeleton({ className }: { readonly className?: string }) {
  return <div aria-hidden className={cn('animate-pulse rounded bg-raised', className)} />;
}

export function Empty({
  icon: Icon,
  title,
  children,
  action,
}: {
  readonly icon?: LucideIcon;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-14 text-center">
      {Icon && <Icon aria-hidden className="size-7 text-muted" strokeWidth={1.5} />}
      <p className="font-medium">{title}</p>
      {children !== undefined && <div className="max-w-md text-muted">{children}</div>}
      {action}
    </div>
  );
}

/** What went wrong, in words for a person, with the way on. */
export function Failure({ error, retry }: { readonly error: LoomError; readonly retry?: () => void }) {
  if (error.code === 'not_found') {
    return (
      <Empty icon={SearchX} title="Not found">
        It does not exist, or it is not in this project.
      </Empty>
    );
  }
  if (error.code === 'permission_denied') {
    return (
      <Empty icon={Lock} title="Your role does not allow this">
        {error.message}. An owner can change your role.
      </Empty>
    );
  }
  const isDown = error.code === 'unavailable' || error.code === 'upstream_failed';
  return (
    <div role="alert">
      <Empty
        icon={AlertTriangle}
        title={isDown ? 'A service does not answer' : 'This did not work'}
        action={
          retry &&
          error.code !== 'invalid_request' && (
            <Button onClick={retry} className="mt-2">
              Try again
            </Button>
          )
        }
      >
        {error.message}
        {isDown && '. Calls through the gateway go on and are recorded.'}
      </Empty>
    </div>
  );
}
