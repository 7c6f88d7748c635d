'use client';

import type { ProviderSettings } from '@loom/api-contract';
import { Boxes, Plus } from 'lucide-react';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { formatDuration } from '../format/numbers.ts';
import { useMay } from '../shell/session.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmButton } from '../ui/confirm.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Select, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Empty } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';
import { ManagePage } from './manage-page.tsx';
import { providerKinds } from './provider-kinds.ts';

export function Providers() {
  const { data, error, refetch } = useLoom('listProviders');
  const remove = useLoomChange('deleteProvider', ['listProviders', 'listAudit']);
  const mayWrite = useMay('providers:write');
  const [editing, setEditing] = useState<ProviderSettings | 'new' | null>(null);
  return (
    <ManagePage
      title="Providers"
      lead="Who answers. Credentials are encrypted when they are entered and never shown again."
      actions={
        mayWrite && (
          <Button look="primary" onClick={() => setEditing('new')}>
            <Plus aria-hidden className="size-3.5" /> Add provider
          </Button>
        )
      }
      rows={data?.providers}
      error={error}
      retry={() => void refetch()}
      keyOf={({ id }) => id}
      empty={
        <Empty icon={Boxes} title="No providers yet">
          The model loom-sim answers without one.
        </Empty>
      }
      columns={[
        { head: 'Name', cell: ({ name }) => <span className="font-medium">{name}</span> },
        { head: 'Kind', cell: ({ kind }) => kind },
        {
          head: 'Base URL',
          cell: ({ baseUrl }) => <code className="font-mono text-xs">{baseUrl || '–'}</code>,
        },
        {
          head: 'Credential',
          cell: ({ hasCredential }) => (hasCredential ? 'stored' : <span className="text-muted">none</span>),
        },
        {
          head: 'From',
          cell: ({ origin }) => (
            <Badge title={origin === 'environment' ? 'Set by variables of the deployment' : 'Entered here'}>
              {origin}
            </Badge>
          ),
        },
        {
          head: 'State',
          cell: ({ enabled }) => (
            <Badge tone={enabled ? 'ok' : 'neutral'}>{enabled ? 'enabled' : 'disabled'}</Badge>
          ),
        },
        {
          head: 'Action',
          align: 'right',
          cell: (provider) =>
            mayWrite && (
              <span className="flex justify-end gap-1.5">
                {provider.baseUrl !== '' && <TestButton provider={provider} />}
                {provider.origin === 'console' && (
                  <>
                    <Button size="small" onClick={() => setEditing(provider)}>
                      Edit
                    </Button>
                    <ConfirmButton
                      label="Remove"
                      title={`Remove “${provider.name}”?`}
                      action="Remove"
                      change={remove}
                      onConfirm={(done) => remove.mutate({ params: { id: provider.id } }, done)}
                    >
                      Calls to its models are refused from then on. Its record stays.
                    </ConfirmButton>
                  </>
                )}
              </span>
            ),
        },
      ]}
    >
      {editing !== null && (
        <ProviderForm provider={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />
      )}
    </ManagePage>
  );
}

function TestButton({ provider: { id, name } }: { readonly provider: ProviderSettings }) {
  const test = useLoomChange('testProvider');
  const result = test.data;
  return (
    <>
      <Button size="small" busy={test.isPending} onClick={() => test.mutate({ params: { id } })}>
        Test
      </Button>
      {(result ?? test.error) && (
        <Dialog open onOpenChange={() => test.reset()} title={`Test of “${name}”`}>
          {test.error && <p className="text-bad">{test.error.message}</p>}
          {result && (
            <div className="grid gap-3">
              <p className="flex items-center gap-2">
                <Badge tone={result.ok ? 'ok' : 'bad'}>{result.ok ? 'works' : 'does not work'}</Badge>
                <span className="text-muted">
                  {result.status !== null && `HTTP ${result.status}, `}
                  {formatDuration(result.durationMs)}
                </span>
              </p>
              <p className="foreign">{result.message}</p>
              {result.models.length > 0 && (
                <p className="foreign max-h-48 overflow-y-auto font-mono text-xs text-muted">
                  {result.models.join('\n')}
                </p>
              )}
            </div>
          )}
        </Dialog>
      )}
    </>
  );
}

function ProviderForm({
  provider,
  onClose,
}: {
  readonly provider: ProviderSettings | null;
  readonly onClose: () => void;
}) {
  const create = useLoomChange('createProvider', ['listProviders', 'listAudit']);
  const update = useLoomChange('updateProvider', ['listProviders', 'listAudit']);
  const [name, setName] = useState(provider?.name ?? '');
  const [kind, setKind] = useState(provider?.kind ?? 'openai-compatible');
  const [baseUrl, setBaseUrl] = useState(provider?.baseUrl ?? '');
  const [credential, setCredential] = useState('');
  const [models, setModels] = useState(provider?.models.join(', ') ?? '');
  const [enabled, setEnabled] = useState(provider?.enabled ?? true);
  const chooseKind = (next: string) => {
    setKind(next);
    if (baseUrl === '' || Object.values(providerKinds).includes(baseUrl))
      setBaseUrl(providerKinds[next] ?? '');
  };
  const submit = () => {
    const names = models.split(/[\s,]+/).filter(Boolean);
    const done = {
      onSuccess: () => {
        notify(`Provider “${name}” is ${provider ? 'changed' : 'added'}.`);
        onClose();
      },
    };
    if (!provider) {
      create.mutate(
        { body: { name, kind, baseUrl, credential: credential || null, enabled, models: names } },
        done,
      );
      return;
    }
    const body = {
      enabled,
      models: names,
      ...(baseUrl !== provider.baseUrl && { baseUrl }),
      ...(credential !== '' && { credential }),
    };
    update.mutate({ params: { id: provider.id }, body }, done);
  };
  const isNewAddress = provider !== null && baseUrl !== provider.baseUrl && provider.hasCredential;
  return (
    <FormDialog
      title={provider ? `Edit “${provider.name}”` : 'Add a provider'}
      action={provider ? 'Save' : 'Add'}
      change={provider ? update : create}
      onSubmit={submit}
      onClose={onClose}
    >
      {!provider && (
        <>
          <Field label="Kind">
            {(ids) => (
              <Select {...ids} value={kind} onChange={(event) => chooseKind(event.target.value)}>
                {Object.keys(providerKinds).map((kind) => (
                  <option key={kind}>{kind}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Name" hint="First part of provider/model. Lower-case letters, digits and dashes.">
            {(ids) => (
              <TextInput
                {...ids}
                required
                pattern="[a-z0-9][a-z0-9\-]{0,62}"
                autoFocus
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
      <Field label="Base URL">
        {(ids) => (
          <TextInput
            {...ids}
            type="url"
            required
            value={baseUrl}
            onChange={(event) => setBaseUrl(event.target.value)}
          />
        )}
      </Field>
      <Field
        label="Credential"
        hint={
          isNewAddress
            ? 'A new address needs it again.'
            : provider?.hasCredential
              ? 'Leave empty to keep the stored one.'
              : 'The provider’s API key, if it asks for one.'
        }
      >
        {(ids) => (
          <TextInput
            {...ids}
            type="password"
            autoComplete="new-password"
            required={isNewAddress}
            value={credential}
            onChange={(event) => setCredential(event.target.value)}
          />
        )}
      </Field>
      <Field
        label="Models"
        hint="Bare names that it serves, with * at the end for all that begin so. Optional."
      >
        {(ids) => (
          <TextInput
            {...ids}
            placeholder="gpt-4o*, o3"
            value={models}
            onChange={(event) => setModels(event.target.value)}
          />
        )}
      </Field>
      <label className="flex items-center gap-2">
        <input type="checkbox" checked={enabled} onChange={(event) => setEnabled(event.target.checked)} />{' '}
        Enabled
      </label>
    </FormDialog>
  );
}
