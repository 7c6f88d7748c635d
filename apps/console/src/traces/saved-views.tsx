'use client';

import { Bookmark, Trash2 } from 'lucide-react';
import { type SubmitEvent, useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { useMay } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, TextInput } from '../ui/field.tsx';
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '../ui/menu.tsx';
import { notify } from '../ui/toaster.tsx';

/** Lists of traces that someone has set up, for everyone in the project. The address of the page is the share link. */
export function SavedViews() {
  const { data } = useLoom('listViews');
  const remove = useLoomChange('deleteView', ['listViews']);
  const mayWrite = useMay('views:write');
  const [saving, setSaving] = useState(false);
  const { set } = useUrlState();
  const open = (search: string) => {
    const wanted = Object.fromEntries(new URLSearchParams(search));
    const cleared = Object.fromEntries(
      [...new URLSearchParams(window.location.search).keys()].map((name) => [name, null]),
    );
    set({ ...cleared, ...wanted }, { push: true });
  };
  return (
    <>
      <Menu
        align="end"
        className="w-64"
        trigger={
          <Button>
            <Bookmark aria-hidden className="size-3.5 text-muted" /> Views
          </Button>
        }
      >
        <MenuLabel>Saved views</MenuLabel>
        {data?.views.length === 0 && <p className="px-2 pb-2 text-muted">None yet.</p>}
        {data?.views.map(({ id, name, search }) => (
          <div key={id} className="flex items-center">
            <div className="min-w-0 grow">
              <MenuItem onSelect={() => open(search)}>
                <span className="truncate">{name}</span>
              </MenuItem>
            </div>
            {mayWrite && (
              <MenuItem
                onSelect={() =>
                  remove.mutate(
                    { params: { id } },
                    { onSuccess: () => notify(`View “${name}” was removed.`) },
                  )
                }
              >
                <Trash2 aria-label={`Remove view ${name}`} className="size-3.5 text-muted" />
              </MenuItem>
            )}
          </div>
        ))}
        <MenuSeparator />
        <MenuItem
          onSelect={() =>
            void navigator.clipboard
              .writeText(window.location.href)
              .then(() => notify('The link to this view was copied.'))
          }
        >
          Copy link to this view
        </MenuItem>
        {mayWrite && <MenuItem onSelect={() => setSaving(true)}>Save this view …</MenuItem>}
      </Menu>
      {saving && <SaveView onClose={() => setSaving(false)} />}
    </>
  );
}

function SaveView({ onClose }: { readonly onClose: () => void }) {
  const create = useLoomChange('createView', ['listViews']);
  const { text } = useUrlState();
  const [name, setName] = useState('');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    create.mutate(
      { body: { name, search: text } },
      {
        onSuccess: () => {
          notify(`View “${name}” was saved.`);
          onClose();
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Save this view"
      description="Filter, time range and columns, for everyone in the project."
    >
      <form onSubmit={submit} className="grid gap-3">
        <Field label="Name" error={create.error?.message}>
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
        <Button type="submit" look="primary" busy={create.isPending} className="justify-self-end">
          Save
        </Button>
      </form>
    </Dialog>
  );
}
