import type { ReactNode } from 'react';
import { cn } from '../format/class-names.ts';

const tones = {
  neutral: 'bg-raised text-muted',
  accent: 'bg-accent-soft text-accent',
  ok: 'bg-ok-soft text-ok',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
} as const;
export type Tone = keyof typeof tones;

export function Badge({
  tone = 'neutral',
  title,
  className,
  children,
}: {
  readonly tone?: Tone;
  readonly title?: string | undefined;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <span
      title={title}
      className={cn(
        'inline-flex items-center gap-1 rounded px-1.5 py-0.5 text-2xs leading-4 font-medium whitespace-nowrap',
        tones[tone],
        className,
      )}
    >
      {children}
    </span>
  );
}
