'use client';

import { cn } from '../format/class-names.ts';

export type GroupBy = 'model' | 'provider' | 'key' | 'project';
const groups: readonly (readonly [GroupBy, string])[] = [
  ['model', 'Model'],
  ['provider', 'Provider'],
  ['key', 'Key'],
  ['project', 'Project'],
];

export function GroupPicker({
  value,
  onChange,
}: {
  readonly value: GroupBy;
  readonly onChange: (by: GroupBy) => void;
}) {
  return (
    <div role="radiogroup" aria-label="Group by" className="flex rounded-md border bg-surface p-0.5">
      {groups.map(([by, label]) => (
        <button
          key={by}
          type="button"
          role="radio"
          aria-checked={value === by}
          onClick={() => onChange(by)}
          className={cn(
            'h-6.5 rounded px-2 text-muted hover:text-text',
            value === by && 'bg-raised font-medium text-text',
          )}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
