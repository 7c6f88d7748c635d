'use client';

import { useSearchParams } from 'next/navigation';
import { type SubmitEvent, useState } from 'react';
import { useLoomChange } from '../api/loom.tsx';
import { Button } from '../ui/button.tsx';
import { Field, TextInput } from '../ui/field.tsx';
import { Door } from './door.tsx';

export function SignInForm() {
  const search = useSearchParams();
  const signIn = useLoomChange('signIn');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    signIn.mutate(
      { body: { email, password } },
      { onSuccess: () => window.location.assign(ownAddress(search.get('next'))) },
    );
  };
  const lead = search.has('over')
    ? 'Your session is over. Sign in again to go on where you were.'
    : undefined;
  return (
    <Door title="Sign in to Loom" lead={lead}>
      <form onSubmit={submit} className="grid gap-3">
        <Field label="Email">
          {(ids) => (
            <TextInput
              {...ids}
              type="email"
              required
              autoFocus
              autoComplete="username"
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          )}
        </Field>
        <Field label="Password" error={signIn.error?.message}>
          {(ids) => (
            <TextInput
              {...ids}
              type="password"
              required
              autoComplete="current-password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" look="primary" busy={signIn.isPending || signIn.isSuccess} className="mt-2 h-9">
          Sign in
        </Button>
      </form>
      <p className="text-xs text-muted">
        The first password is in <code className="font-mono">secrets/first-password</code> of Loom’s home and
        in the output of its start. Everyone else comes by an invitation link.
      </p>
    </Door>
  );
}

/** Only an address of this console: a link from outside must not lead elsewhere after the sign-in. */
function ownAddress(next: string | null): string {
  const { origin } = window.location;
  const url = next !== null && URL.canParse(next, origin) ? new URL(next, origin) : null;
  return url?.origin === origin ? url.href : '/';
}
