'use client';

import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { cn } from '../format/class-names.ts';

const shownMs = 1500;

export function CopyButton({
  text,
  label,
  className,
}: {
  readonly text: string | (() => string);
  readonly label: string;
  readonly className?: string;
}) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
    setCopied(true);
    setTimeout(() => setCopied(false), shownMs);
  };
  const Icon = copied ? Check : Copy;
  return (
    <button
      type="button"
      aria-label={copied ? 'Copied' : label}
      title={label}
      onClick={() => void copy()}
      className={cn(
        'inline-grid size-6 shrink-0 place-items-center rounded text-muted hover:bg-raised hover:text-text',
        className,
      )}
    >
      <Icon aria-hidden className="size-3.5" />
    </button>
  );
}

/** An id in monospace, cut in the middle, to copy whole. */
export function CopyableId({
  id,
  label,
  length = 8,
}: {
  readonly id: string;
  readonly label: string;
  readonly length?: number;
}) {
  return (
    <span className="inline-flex items-center gap-0.5">
      <code title={id} className="font-mono text-xs">
        {id.length > length + 4 ? `${id.slice(0, length)}…` : id}
      </code>
      <CopyButton text={id} label={label} />
    </span>
  );
}
