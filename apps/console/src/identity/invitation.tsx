'use client';

import { type SubmitEvent, useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { formatRelative } from '../format/times.ts';
import { Button } from '../ui/button.tsx';
import { Field, TextInput } from '../ui/field.tsx';
import { Failure } from '../ui/states.tsx';
import { Door } from './door.tsx';

export function Invitation({ token }: { readonly token: string }) {
  const offer = useLoom('getInvitationOffer', { params: { token } });
  const me = useLoom('getMe');
  const accept = useLoomChange('acceptInvitation');
  const [person, setPerson] = useState({ name: '', email: '', password: '' });
  if (offer.error?.code === 'not_found') {
    return (
      <Door
        title="This link is over"
        lead="It was used, taken back, or is older than a week. Ask whoever sent it for a new one."
      >
        {null}
      </Door>
    );
  }
  if (offer.error) return <Failure error={offer.error} retry={() => void offer.refetch()} />;
  if (offer.isPending || me.isPending) return null;
  const { organizationName, role, email, expiresAt } = offer.data;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const body = me.data ? {} : { ...person, email: email ?? person.email };
    accept.mutate({ params: { token }, body }, { onSuccess: () => window.location.assign('/') });
  };
  const set = (name: keyof typeof person) => (event: React.ChangeEvent<HTMLInputElement>) =>
    setPerson((before) => ({ ...before, [name]: event.target.value }));
  return (
    <Door
      title={`Join ${organizationName}`}
      lead={`You are invited as ${role}. The link ends ${formatRelative(expiresAt)}.`}
    >
      <form onSubmit={submit} className="grid gap-3">
        {me.data ? (
          <p>
            You are signed in as <strong>{me.data.user.email}</strong>.
          </p>
        ) : (
          <>
            <Field label="Your name">
              {(ids) => (
                <TextInput
                  {...ids}
                  required
                  autoFocus
                  autoComplete="name"
                  value={person.name}
                  onChange={set('name')}
                />
              )}
            </Field>
            <Field label="Email">
              {(ids) => (
                <TextInput
                  {...ids}
                  type="email"
                  required
                  readOnly={email !== null}
                  autoComplete="username"
                  value={email ?? person.email}
                  onChange={set('email')}
                />
              )}
            </Field>
            <Field label="Password" hint="At least 12 characters, and no common password.">
              {(ids) => (
                <TextInput
                  {...ids}
                  type="password"
                  required
                  minLength={12}
                  autoComplete="new-password"
                  value={person.password}
                  onChange={set('password')}
                />
              )}
            </Field>
          </>
        )}
        {accept.error && (
          <p role="alert" className="text-xs text-bad">
            {accept.error.message}
          </p>
        )}
        <Button type="submit" look="primary" busy={accept.isPending || accept.isSuccess} className="mt-2 h-9">
          Join
        </Button>
      </form>
    </Door>
  );
}
