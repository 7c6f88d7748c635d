'use client';

import { Field, Select } from '../ui/field.tsx';

const lives: readonly (readonly [label: string, days: number | null])[] = [
  ['Never', null],
  ['In a day', 1],
  ['In 7 days', 7],
  ['In 30 days', 30],
  ['In 90 days', 90],
  ['In a year', 365],
];

/** Days from now as text; empty: never; `keep`: as it is. */
export function ExpiryField({
  value,
  onChange,
  keep,
}: {
  readonly value: string;
  readonly onChange: (days: string) => void;
  /** The label of the choice to leave it as it is. */
  readonly keep?: string;
}) {
  return (
    <Field label="Expires">
      {(ids) => (
        <Select {...ids} value={value} onChange={({ target }) => onChange(target.value)}>
          {keep !== undefined && <option value="keep">{keep}</option>}
          {lives.map(([label, days]) => (
            <option key={label} value={days ?? ''}>
              {label}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

/** The time that a choice of {@link ExpiryField} stands for; null: never. */
export function expiryOf(days: string): string | null {
  return days === '' ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();
}
