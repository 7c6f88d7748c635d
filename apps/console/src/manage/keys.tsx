'use client';

import { type ApiKey, type scopePermissions } from '@loom/api-contract';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatInstant, formatRelative, isPast } from '../format/times.ts';
import { useMay, useSession } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmButton } from '../ui/confirm.tsx';
import { CopyableId } from '../ui/copy-button.tsx';
import { Field, Select, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { OnceShown } from '../ui/once-shown.tsx';
import { Empty } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';
import { ChangeKey } from './change-key.tsx';
import { ExpiryField, expiryOf } from './key-expiry.tsx';
import { LimitFields, LimitsText, noLimits } from './key-limits.tsx';
import { ManagePage } from './manage-page.tsx';

type Scope = keyof typeof scopePermissions;
const meanings: Readonly<Record<Scope, string>> = {
  call: 'Call models through the gateway',
  read: 'Read the record over the API',
  manage: 'Manage the project: its keys, models and settings',
  administer: 'Manage all projects, and the providers and prices they share',
};
const strong: Readonly<Record<Scope, boolean>> = {
  ...{ call: false, read: false, manage: true, administer: true },
};

export function Keys() {
  const { data, error, refetch } = useLoom('listKeys');
  const revoke = useLoomChange('revokeKey', ['listKeys', 'listAudit']);
  const mayWrite = useMay('keys:write');
  const { organization } = useSession();
  const { get, set } = useUrlState();
  const [isCreating, setCreating] = useState(get('new') !== null);
  const [changing, setChanging] = useState<ApiKey | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <ManagePage
      title="API keys"
      lead="Keys your applications use to call Loom. The secret is shown once; only a hash is stored."
      actions={
        mayWrite && (
          <Button look="primary" onClick={() => setCreating(true)}>
            <Plus aria-hidden className="size-3.5" /> Create key
          </Button>
        )
      }
      rows={data?.keys}
      error={error}
      retry={() => void refetch()}
      keyOf={({ id }) => id}
      empty={
        <Empty icon={KeyRound} title="No keys yet">
          Create one key per application, so that you can watch and revoke each on its own.
        </Empty>
      }
      columns={[
        { head: 'Name', cell: ({ name }) => <span className="font-medium">{name}</span> },
        { head: 'Id', cell: ({ id }) => <CopyableId id={id} label="Copy key id" /> },
        {
          head: 'Project',
          cell: ({ projectId }) =>
            organization.projects.find(({ id }) => id === projectId)?.name ?? projectId,
        },
        {
          head: 'Scopes',
          cell: ({ scopes }) => (
            <span className="flex gap-1">
              {scopes.map((scope) => (
                <Badge key={scope} tone={strong[scope] ? 'warn' : 'neutral'} title={meanings[scope]}>
                  {scope}
                </Badge>
              ))}
            </span>
          ),
        },
        { head: 'Limits', cell: ({ limits }) => <LimitsText of={limits} /> },
        {
          head: 'Created',
          cell: ({ createdAt, createdBy }) => (
            <span title={formatInstant(createdAt)}>
              {formatRelative(createdAt)}
              {createdBy && ` by ${visibleText(createdBy.name)}`}
            </span>
          ),
        },
        { head: 'State', cell: (key) => <KeyState apiKey={key} /> },
        {
          head: 'Action',
          align: 'right',
          cell: (key) => {
            const { id, name, revokedAt, expiresAt } = key;
            return mayWrite && revokedAt === null ? (
              <span className="flex justify-end gap-1.5">
                {(expiresAt === null || !isPast(expiresAt)) && (
                  <Button size="small" onClick={() => setChanging(key)}>
                    Edit
                  </Button>
                )}
                <ConfirmButton
                  label="Revoke"
                  title={`Revoke “${name}”?`}
                  action="Revoke now"
                  change={revoke}
                  onConfirm={(done) =>
                    revoke.mutate(
                      { params: { id } },
                      {
                        onSuccess: () => {
                          done.onSuccess();
                          notify(`Key “${name}” is revoked.`);
                        },
                      },
                    )
                  }
                >
                  Calls with this key fail within a second. You can’t undo this.
                </ConfirmButton>
              </span>
            ) : null;
          },
        },
      ]}
    >
      {changing && <ChangeKey apiKey={changing} onClose={() => setChanging(null)} />}
      {isCreating && (
        <CreateKey
          onClose={() => {
            setCreating(false);
            set({ new: null });
          }}
          onCreated={setSecret}
        />
      )}
      {secret !== null && (
        <OnceShown
          title="API key created"
          text={secret}
          note="Copy it now. You won’t see it again."
          onClose={() => setSecret(null)}
        />
      )}
    </ManagePage>
  );
}

function KeyState({ apiKey: { revokedAt, expiresAt } }: { readonly apiKey: ApiKey }) {
  if (revokedAt !== null)
    return (
      <Badge tone="bad" title={formatInstant(revokedAt)}>
        revoked
      </Badge>
    );
  if (expiresAt === null) return <Badge tone="ok">active</Badge>;
  const isOver = isPast(expiresAt);
  return (
    <Badge tone={isOver ? 'bad' : 'ok'} title={formatInstant(expiresAt)}>
      {isOver ? 'expired' : `expires ${formatRelative(expiresAt)}`}
    </Badge>
  );
}

function CreateKey({
  onClose,
  onCreated,
}: {
  readonly onClose: () => void;
  readonly onCreated: (secret: string) => void;
}) {
  const create = useLoomChange('createKey', ['listKeys', 'listAudit']);
  const { organization, project } = useSession();
  const mayManage = useMay('providers:write');
  const [name, setName] = useState('');
  const [projectId, setProject] = useState(project.id);
  const [scopes, setScopes] = useState<readonly Scope[]>(['call']);
  const [days, setDays] = useState('');
  const [limits, setLimits] = useState(noLimits);
  const submit = () => {
    create.mutate(
      { body: { name, projectId, scopes: [...scopes], expiresAt: expiryOf(days), limits } },
      {
        onSuccess: ({ secret }) => {
          onClose();
          onCreated(secret);
        },
      },
    );
  };
  return (
    <FormDialog title="Create API key" action="Create" change={create} onSubmit={submit} onClose={onClose}>
      <Field label="Name" hint="The application that uses it, such as “checkout service”">
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
      <Field label="Project">
        {(ids) => (
          <Select {...ids} value={projectId} onChange={(event) => setProject(event.target.value)}>
            {organization.projects.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <fieldset className="grid gap-1.5">
        <legend className="pb-1 text-xs font-medium">Scopes</legend>
        {(Object.keys(meanings) as Scope[])
          .filter((scope) => !strong[scope] || mayManage)
          .map((scope) => (
            <label key={scope} className="flex items-center gap-2">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={(event) =>
                  setScopes(
                    event.target.checked ? [...scopes, scope] : scopes.filter((other) => other !== scope),
                  )
                }
              />
              <span className="w-20 font-medium">{scope}</span>
              <span className="text-muted">{meanings[scope]}</span>
            </label>
          ))}
      </fieldset>
      <ExpiryField value={days} onChange={setDays} />
      <LimitFields value={limits} onChange={setLimits} />
    </FormDialog>
  );
}
