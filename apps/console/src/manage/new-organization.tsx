'use client';

import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLoomChange } from '../api/loom.tsx';
import { Button } from '../ui/button.tsx';
import { Field, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { notify } from '../ui/toaster.tsx';

/** For operators: an organization is a wall; nothing is shared across it but the deployment. */
export function NewOrganizationButton() {
  const create = useLoomChange('createOrganization');
  const queries = useQueryClient();
  const [name, setName] = useState<string | null>(null);
  const submit = () =>
    create.mutate(
      { body: { name: name ?? '' } },
      {
        onSuccess: () => {
          void queries.invalidateQueries({ queryKey: ['', 'getMe'] });
          notify(`Organization “${name ?? ''}” is there. Switch to it at the top left.`);
          setName(null);
        },
      },
    );
  return (
    <>
      <Button onClick={() => setName('')}>New organization</Button>
      {name !== null && (
        <FormDialog
          title="A new organization"
          description="With projects, members, keys and providers of its own. You are its first owner."
          action="Create"
          change={create}
          onSubmit={submit}
          onClose={() => setName(null)}
        >
          <Field label="Name">
            {(ids) => (
              <TextInput
                {...ids}
                required
                maxLength={100}
                autoFocus
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
        </FormDialog>
      )}
    </>
  );
}
