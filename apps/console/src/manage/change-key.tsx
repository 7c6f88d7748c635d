'use client';

import type { ApiKey } from '@loom/api-contract';
import { useState } from 'react';
import { useLoomChange } from '../api/loom.tsx';
import { formatInstant } from '../format/times.ts';
import { Field, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { notify } from '../ui/toaster.tsx';
import { ExpiryField, expiryOf } from './key-expiry.tsx';
import { LimitFields } from './key-limits.tsx';

/** Changes the name, the expiry and the limits of a key. */
export function ChangeKey({ apiKey, onClose }: { readonly apiKey: ApiKey; readonly onClose: () => void }) {
  const { id, name: knownName, expiresAt } = apiKey;
  const update = useLoomChange('updateKey', ['listKeys', 'listAudit']);
  const [name, setName] = useState(knownName);
  const [days, setDays] = useState('keep');
  const [limits, setLimits] = useState(apiKey.limits);
  const submit = () =>
    update.mutate(
      { params: { id }, body: { name, limits, ...(days !== 'keep' && { expiresAt: expiryOf(days) }) } },
      {
        onSuccess: () => {
          onClose();
          notify(`Key “${name}” is changed.`);
        },
      },
    );
  return (
    <FormDialog
      title={`Edit “${knownName}”`}
      description="Gateways apply changes within a second. Usage of the last minute still counts."
      action="Save"
      change={update}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field label="Name">
        {(ids) => (
          <TextInput
            {...ids}
            required
            maxLength={100}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <ExpiryField
        value={days}
        onChange={setDays}
        keep={expiresAt === null ? 'Unchanged (never)' : `Unchanged (${formatInstant(expiresAt)})`}
      />
      <LimitFields value={limits} onChange={setLimits} />
    </FormDialog>
  );
}
