'use client';

import type { ProviderSettings } from '@loom/api-contract';
import { Boxes, Plus } from 'lucide-react';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatDuration } from '../format/numbers.ts';
import { useMay } from '../shell/session.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmButton } from '../ui/confirm.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Empty } from '../ui/states.tsx';
import { ManagePage } from './manage-page.tsx';
import { ProviderForm } from './provider-form.tsx';
import { providerKindOf } from './provider-kinds.ts';

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
        {
          head: 'Kind',
          cell: ({ kind, options }) => (
            <span className="flex flex-wrap items-center gap-1.5">
              {kind}
              {Object.entries(options).map(([name, value]) => (
                <Badge key={name} title={name}>
                  {visibleText(value)}
                </Badge>
              ))}
            </span>
          ),
        },
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
                {provider.baseUrl !== '' && providerKindOf(provider.kind).hasModelList !== false && (
                  <TestButton provider={provider} />
                )}
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
