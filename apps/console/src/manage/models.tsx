'use client';

import { Plus, Route } from 'lucide-react';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { useMay, useSession } from '../shell/session.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmButton } from '../ui/confirm.tsx';
import { Field, Select, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Empty } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';
import { ManagePage } from './manage-page.tsx';

/** Names that applications call, and what answers to them. */
export function Models() {
  const { data, error, refetch } = useLoom('listAliases');
  const remove = useLoomChange('deleteAlias', ['listAliases', 'listAudit']);
  const mayWrite = useMay('aliases:write');
  const { organization } = useSession();
  const [isAdding, setAdding] = useState(false);
  return (
    <ManagePage
      title="Models"
      lead="Names that applications ask for, and the model behind each. Change the model here, not in their code."
      actions={
        mayWrite && (
          <Button look="primary" onClick={() => setAdding(true)}>
            <Plus aria-hidden className="size-3.5" /> Add alias
          </Button>
        )
      }
      rows={data?.aliases}
      error={error}
      retry={() => void refetch()}
      keyOf={({ id }) => id}
      empty={
        <Empty icon={Route} title="No aliases yet">
          Without one, callers name a model as provider/model, or by a bare name that one provider serves.
        </Empty>
      }
      columns={[
        { head: 'Alias', cell: ({ alias }) => <span className="font-medium">{alias}</span> },
        { head: 'Provider', cell: ({ provider }) => provider },
        { head: 'Model', cell: ({ model }) => <code className="font-mono text-xs">{model}</code> },
        {
          head: 'Project',
          cell: ({ projectId }) =>
            organization.projects.find(({ id }) => id === projectId)?.name ?? projectId,
        },
        {
          head: 'Action',
          align: 'right',
          cell: ({ id, alias }) =>
            mayWrite && (
              <ConfirmButton
                label="Remove"
                title={`Remove “${alias}”?`}
                action="Remove"
                change={remove}
                onConfirm={(done) =>
                  remove.mutate(
                    { params: { id } },
                    {
                      onSuccess: () => {
                        done.onSuccess();
                        notify(`Alias “${alias}” is removed.`);
                      },
                    },
                  )
                }
              >
                Calls that ask for it are refused from then on.
              </ConfirmButton>
            ),
        },
      ]}
    >
      {isAdding && <AddAlias onClose={() => setAdding(false)} />}
    </ManagePage>
  );
}

function AddAlias({ onClose }: { readonly onClose: () => void }) {
  const create = useLoomChange('createAlias', ['listAliases', 'listAudit']);
  const providers = useLoom('listProviders');
  const { project } = useSession();
  const [alias, setAlias] = useState('');
  const [chosen, setProvider] = useState('');
  const [model, setModel] = useState('');
  const names = providers.data?.providers.filter(({ enabled }) => enabled).map(({ name }) => name) ?? [];
  const provider = chosen || (names[0] ?? '');
  const submit = () =>
    create.mutate(
      { body: { alias, provider, model } },
      {
        onSuccess: () => {
          notify(`${alias} now means ${provider}/${model}.`);
          onClose();
        },
      },
    );
  return (
    <FormDialog
      title="Add a model alias"
      description={`In the project ${project.name}.`}
      action="Add"
      change={create}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field label="Alias" hint="What applications send as model: fast, summarizer …">
        {(ids) => (
          <TextInput
            {...ids}
            required
            maxLength={200}
            autoFocus
            value={alias}
            onChange={(event) => setAlias(event.target.value)}
          />
        )}
      </Field>
      <Field label="Provider">
        {(ids) => (
          <Select {...ids} required value={provider} onChange={(event) => setProvider(event.target.value)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        )}
      </Field>
      <Field label="Model" hint="The provider’s own name for it.">
        {(ids) => (
          <TextInput
            {...ids}
            required
            maxLength={200}
            placeholder="gpt-4o-mini"
            value={model}
            onChange={(event) => setModel(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
