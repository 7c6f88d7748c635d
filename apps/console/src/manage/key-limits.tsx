'use client';

import type { ApiKey } from '@loom/api-contract';
import { formatCount } from '../format/numbers.ts';
import { Field, TextInput } from '../ui/field.tsx';

type Limits = ApiKey['limits'];
type LimitName = keyof Limits;

const limits: Readonly<Record<LimitName, { readonly label: string; readonly unit: string }>> = {
  requestsPerMinute: { label: 'Requests per minute', unit: 'req/min' },
  tokensPerMinute: { label: 'Tokens per minute', unit: 'tok/min' },
  concurrentCalls: { label: 'Concurrent calls', unit: 'concurrent' },
};
const names = Object.keys(limits) as LimitName[];

export const noLimits: Limits = { requestsPerMinute: null, tokensPerMinute: null, concurrentCalls: null };

/** What a key may use, in one line. */
export function LimitsText({ of }: { readonly of: Limits }) {
  const parts = names.flatMap((name) => {
    const limit = of[name];
    return limit === null ? [] : [`${formatCount(limit)} ${limits[name].unit}`];
  });
  return parts.length === 0 ? <span className="text-muted">none</span> : <span>{parts.join(' · ')}</span>;
}

/** One number for each limit; an empty one does not limit. */
export function LimitFields({
  value,
  onChange,
}: {
  readonly value: Limits;
  readonly onChange: (limits: Limits) => void;
}) {
  return (
    <fieldset className="grid gap-1.5">
      <legend className="pb-1 text-xs font-medium">Limits</legend>
      <div className="grid grid-cols-3 gap-2">
        {names.map((name) => (
          <Field key={name} label={limits[name].label}>
            {(ids) => (
              <TextInput
                {...ids}
                type="number"
                min={1}
                max={1_000_000_000}
                step={1}
                placeholder="no limit"
                value={value[name] ?? ''}
                onChange={({ target }) =>
                  onChange({ ...value, [name]: target.value === '' ? null : Number(target.value) })
                }
              />
            )}
          </Field>
        ))}
      </div>
    </fieldset>
  );
}
