'use client';

import type { ModelAlias } from '@loom/api-contract';
import { Plus, Route } from 'lucide-react';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { useMay, useSession } from '../shell/session.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmButton } from '../ui/confirm.tsx';
import { Empty } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';
import { ManagePage } from './manage-page.tsx';
import { sharesOf, triesOf } from './route-draft.ts';
import { RouteForm } from './route-form.tsx';

/** Names that applications call, and what answers to them. */
export function Models() {
  const { data, error, refetch } = useLoom('listAliases');
  const remove = useLoomChange('deleteAlias', ['listAliases', 'listAudit']);
  const mayWrite = useMay('aliases:write');
  const { organization } = useSession();
  const [editing, setEditing] = useState<ModelAlias | 'new' | null>(null);
  return (
    <ManagePage
      title="Models"
      lead="Names that applications ask for, and the model behind each. Change the model here, not in their code."
      actions={
        mayWrite && (
          <Button look="primary" onClick={() => setEditing('new')}>
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
        { head: 'Answered by', cell: (alias) => <Targets of={alias} /> },
        {
          head: 'Tries and timeouts',
          cell: ({ route }) => (
            <span className="text-xs text-muted">{(route && triesOf(route).join(' · ')) || '–'}</span>
          ),
        },
        {
          head: 'Project',
          cell: ({ projectId }) =>
            organization.projects.find(({ id }) => id === projectId)?.name ?? projectId,
        },
        {
          head: 'Action',
          align: 'right',
          cell: (alias) =>
            mayWrite && (
              <span className="flex justify-end gap-1.5">
                <Button size="small" onClick={() => setEditing(alias)}>
                  Edit
                </Button>
                <ConfirmButton
                  label="Remove"
                  title={`Remove “${alias.alias}”?`}
                  action="Remove"
                  change={remove}
                  onConfirm={(done) =>
                    remove.mutate(
                      { params: { id: alias.id } },
                      {
                        onSuccess: () => {
                          done.onSuccess();
                          notify(`Alias “${alias.alias}” is removed.`);
                        },
                      },
                    )
                  }
                >
                  Calls that ask for it are refused from then on.
                </ConfirmButton>
              </span>
            ),
        },
      ]}
    >
      {editing !== null && (
        <RouteForm alias={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />
      )}
    </ManagePage>
  );
}

/** First targets with their shares, then what answers instead. */
function Targets({ of: { provider, model, route } }: { readonly of: ModelAlias }) {
  const first = [{ provider, model, weight: route?.weight ?? 1 }, ...(route?.balance ?? [])];
  const shares = sharesOf(first.map(({ weight }) => weight));
  const lines = [
    ...first.map((target, index) => ({
      ...target,
      mark: first.length === 1 ? '' : `${Math.round(shares[index] ?? 0)} %`,
    })),
    ...(route?.fallbacks ?? []).map((target) => ({ ...target, mark: 'else' })),
  ];
  const hasMarks = lines.some(({ mark }) => mark !== '');
  return (
    <ul className="grid gap-0.5">
      {lines.map(({ mark, provider, model }, index) => (
        <li key={index} className="flex items-baseline gap-2 whitespace-nowrap">
          {hasMarks && <span className="tabular w-9 text-right text-xs text-muted">{mark}</span>}
          <code className="font-mono text-xs">
            <span className="text-muted">{provider}/</span>
            <bdi>{visibleText(model)}</bdi>
          </code>
        </li>
      ))}
    </ul>
  );
}
