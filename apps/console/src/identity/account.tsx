'use client';

import { type SubmitEvent, useState } from 'react';
import { useLoomChange } from '../api/loom.tsx';
import { useSession } from '../shell/session.tsx';
import { Button } from '../ui/button.tsx';
import { Card, PageHead } from '../ui/card.tsx';
import { Field, TextInput } from '../ui/field.tsx';
import { notify } from '../ui/toaster.tsx';

const empty = { current: '', next: '', again: '' };

export function Account() {
  const { me } = useSession();
  const change = useLoomChange('changePassword');
  const [passwords, setPasswords] = useState(empty);
  const set = (name: keyof typeof empty) => (event: React.ChangeEvent<HTMLInputElement>) =>
    setPasswords({ ...passwords, [name]: event.target.value });
  const isOther = passwords.again !== '' && passwords.again !== passwords.next;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (isOther) return;
    change.mutate(
      { body: { currentPassword: passwords.current, newPassword: passwords.next } },
      {
        onSuccess: () => {
          setPasswords(empty);
          notify('The password is changed. Your other sessions are over.');
        },
      },
    );
  };
  return (
    <>
      <PageHead title="Account" lead={`${me.user.name}, ${me.user.email}`} />
      <div className="grid gap-5 lg:grid-cols-2">
        <Card title="Password">
          <form onSubmit={submit} className="grid gap-3 p-4">
            <Field label="Current password" error={change.error?.message}>
              {(ids) => (
                <TextInput
                  {...ids}
                  type="password"
                  required
                  autoComplete="current-password"
                  value={passwords.current}
                  onChange={set('current')}
                />
              )}
            </Field>
            <Field label="New password" hint="At least 12 characters, and no common password.">
              {(ids) => (
                <TextInput
                  {...ids}
                  type="password"
                  required
                  minLength={12}
                  maxLength={128}
                  autoComplete="new-password"
                  value={passwords.next}
                  onChange={set('next')}
                />
              )}
            </Field>
            <Field label="New password again" error={isOther ? 'It is not the same.' : undefined}>
              {(ids) => (
                <TextInput
                  {...ids}
                  type="password"
                  required
                  autoComplete="new-password"
                  value={passwords.again}
                  onChange={set('again')}
                />
              )}
            </Field>
            <Button
              type="submit"
              look="primary"
              busy={change.isPending}
              disabled={isOther}
              className="justify-self-start"
            >
              Change the password
            </Button>
          </form>
        </Card>
        <Card title="Organizations">
          <ul className="grid gap-2 p-4">
            {me.organizations.map(({ id, name, role, projects }) => (
              <li key={id} className="flex justify-between gap-4">
                <span className="font-medium">{name}</span>
                <span className="text-muted">
                  {role}, {projects.length} {projects.length === 1 ? 'project' : 'projects'}
                </span>
              </li>
            ))}
          </ul>
        </Card>
      </div>
    </>
  );
}
