'use client';

import { Loader2 } from 'lucide-react';
import type { ComponentProps } from 'react';
import { cn } from '../format/class-names.ts';

const looks = {
  primary: 'bg-accent text-on-accent hover:opacity-90',
  secondary: 'border bg-surface hover:bg-raised',
  ghost: 'hover:bg-raised text-muted hover:text-text',
  danger: 'bg-bad text-on-bad hover:opacity-90',
} as const;

export interface ButtonProps extends ComponentProps<'button'> {
  readonly look?: keyof typeof looks;
  readonly size?: 'normal' | 'small' | 'icon';
  readonly busy?: boolean;
}

export function Button({
  look = 'secondary',
  size = 'normal',
  busy = false,
  className,
  children,
  disabled,
  ...props
}: ButtonProps) {
  return (
    <button
      type="button"
      disabled={disabled === true || busy}
      className={cn(
        'inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors disabled:opacity-50',
        size === 'normal' && 'h-8 px-3',
        size === 'small' && 'h-6.5 px-2 text-xs',
        size === 'icon' && 'size-8',
        looks[look],
        className,
      )}
      {...props}
    >
      {busy && <Loader2 aria-hidden className="size-3.5 animate-spin" />}
      {children}
    </button>
  );
}
