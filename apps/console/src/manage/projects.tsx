'use client';

import type { Project } from '@loom/api-contract';
import { useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { formatDuration } from '../format/numbers.ts';
import { useMay, useSession } from '../shell/session.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { CopyableId } from '../ui/copy-button.tsx';
import { Field, Select, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Empty } from '../ui/states.tsx';
import { ManagePage } from './manage-page.tsx';
import { NewOrganizationButton } from './new-organization.tsx';

const captures = {
  strict: 'No durable record, no call: the call is refused when it cannot be recorded.',
  best_effort: 'The call goes on when it cannot be recorded; the loss is counted and is a record itself.',
} as const;
type Capture = keyof typeof captures;

export function Projects() {
  const { me, organization } = useSession();
  const { data, error, refetch } = useLoom('listProjects');
  const mayWrite = useMay('projects:write');
  const [editing, setEditing] = useState<Project | 'new' | null>(null);
  return (
    <ManagePage
      title="Projects"
      lead={`Of ${organization.name}. A project keeps its calls, keys and models to itself.`}
      actions={
        <>
          {me.user.isOperator && <NewOrganizationButton />}
          {mayWrite && (
            <Button look="primary" onClick={() => setEditing('new')}>
              <Plus aria-hidden className="size-3.5" /> Add project
            </Button>
          )}
        </>
      }
      rows={data?.projects}
      error={error}
      retry={() => void refetch()}
      keyOf={({ id }) => id}
      empty={<Empty title="No projects" />}
      columns={[
        { head: 'Name', cell: ({ name }) => <span className="font-medium">{name}</span> },
        { head: 'Id', cell: ({ id }) => <CopyableId id={id} label="Copy project id" length={16} /> },
        {
          head: 'Capture',
          cell: ({ capture }) => (
            <Badge tone={capture === 'strict' ? 'ok' : 'warn'} title={captures[capture]}>
              {capture}
            </Badge>
          ),
        },
        { head: 'Content', cell: ({ content }) => content },
        {
          head: 'Response cache',
          cell: ({ cacheTtlSeconds }) =>
            cacheTtlSeconds === null ? (
              <span className="text-muted" title="Only where a request asks for it">
                off
              </span>
            ) : (
              <span title="Answers of equal requests are given again for this long, at no cost">
                {formatDuration(cacheTtlSeconds * 1000)}
              </span>
            ),
        },
        {
          head: 'Action',
          align: 'right',
          cell: (project) =>
            mayWrite && (
              <Button size="small" onClick={() => setEditing(project)}>
                Edit
              </Button>
            ),
        },
      ]}
    >
      {editing !== null && (
        <ProjectForm project={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />
      )}
    </ManagePage>
  );
}

function ProjectForm({
  project,
  onClose,
}: {
  readonly project: Project | null;
  readonly onClose: () => void;
}) {
  const create = useLoomChange('createProject', ['listProjects', 'listAudit']);
  const update = useLoomChange('updateProject', ['listProjects', 'listAudit']);
  const queries = useQueryClient();
  const [cacheTtl, setCacheTtl] = useState(String(project?.cacheTtlSeconds ?? ''));
  const [name, setName] = useState(project?.name ?? '');
  const [capture, setCapture] = useState<Capture>(project?.capture ?? 'strict');
  const done = {
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['', 'getMe'] }); // the switcher knows projects from there
      onClose();
    },
  };
  const cacheTtlSeconds = cacheTtl === '' ? null : Number(cacheTtl);
  const submit = () =>
    project
      ? update.mutate({ params: { id: project.id }, body: { name, capture, cacheTtlSeconds } }, done)
      : create.mutate({ body: { name, capture } }, done);
  return (
    <FormDialog
      title={project ? `Edit “${project.name}”` : 'Add a project'}
      action={project ? 'Save' : 'Add'}
      change={project ? update : create}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field label="Name" param="name">
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
      <Field label="Capture" hint={captures[capture]}>
        {(ids) => (
          <Select {...ids} value={capture} onChange={(event) => setCapture(event.target.value as Capture)}>
            {Object.keys(captures).map((mode) => (
              <option key={mode}>{mode}</option>
            ))}
          </Select>
        )}
      </Field>
      {project && (
        <Field
          label="Response cache, seconds"
          param="cacheTtlSeconds"
          hint="Answers of equal requests are given again for this long, at no cost. Empty: off, unless a request asks for it."
        >
          {(ids) => (
            <TextInput
              {...ids}
              type="number"
              min={1}
              max={2_592_000}
              step={1}
              placeholder="off"
              value={cacheTtl}
              onChange={(event) => setCacheTtl(event.target.value)}
            />
          )}
        </Field>
      )}
    </FormDialog>
  );
}
