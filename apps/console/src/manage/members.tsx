'use client';

import { type Member, roles } from '@loom/api-contract';
import { UserPlus } from 'lucide-react';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatDay, formatInstant, formatRelative, isPast } from '../format/times.ts';
import { useMay, useSession } from '../shell/session.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { ConfirmButton } from '../ui/confirm.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Field, Select, TextInput } from '../ui/field.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { OnceShown } from '../ui/once-shown.tsx';
import { Empty } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';
import { ManagePage } from './manage-page.tsx';

const meanings: Readonly<Record<Role, string>> = {
  owner: 'Everything, members and providers included',
  member: 'Sees everything, makes keys and saved views',
  viewer: 'Sees the record, changes nothing',
};
type Role = (typeof roles)[number];

export function Members() {
  const { me, organization } = useSession();
  const { data, error, refetch } = useLoom('listMembers');
  const mayWrite = useMay('members:write');
  const [isInviting, setInviting] = useState(false);
  const [link, setLink] = useState<string | null>(null);
  return (
    <ManagePage
      title="Members"
      lead={`Who belongs to ${organization.name}. A role holds in all its projects and changes at once.`}
      actions={
        mayWrite && (
          <Button look="primary" onClick={() => setInviting(true)}>
            <UserPlus aria-hidden className="size-3.5" /> Invite
          </Button>
        )
      }
      rows={data?.members}
      error={error}
      retry={() => void refetch()}
      keyOf={({ userId }) => userId}
      empty={<Empty title="No members" />}
      columns={[
        {
          head: 'Name',
          cell: ({ name, userId }) => (
            <span className="flex items-center gap-2 font-medium">
              {name}
              {userId === me.user.id && <Badge>you</Badge>}
            </span>
          ),
        },
        { head: 'Email', cell: ({ email }) => email },
        { head: 'Role', cell: (member) => <RoleOf member={member} mayWrite={mayWrite} /> },
        {
          head: 'Since',
          cell: ({ joinedAt }) => <span title={formatInstant(joinedAt)}>{formatDay(joinedAt)}</span>,
          className: 'whitespace-nowrap',
        },
        {
          head: 'Action',
          align: 'right',
          cell: ({ userId, name }) =>
            mayWrite && <RemoveMember userId={userId} name={name} isSelf={userId === me.user.id} />,
        },
      ]}
    >
      {mayWrite && <Invitations />}
      {isInviting && <Invite onClose={() => setInviting(false)} onCreated={setLink} />}
      {link !== null && (
        <OnceShown
          title="The invitation link"
          text={link}
          note="Send it to the person. It lets one person in, within 7 days, and is shown this once."
          onClose={() => setLink(null)}
        />
      )}
    </ManagePage>
  );
}

function RemoveMember({
  userId,
  name,
  isSelf,
}: {
  readonly userId: string;
  readonly name: string;
  readonly isSelf: boolean;
}) {
  const remove = useLoomChange('removeMember', ['listMembers', 'listKeys', 'listAudit']);
  const { data } = useLoom('listKeys');
  const [keys, setKeys] = useState<'revoke' | 'hand_over'>('revoke');
  const owned = data?.keys.filter(({ ownerId, revokedAt }) => ownerId === userId && revokedAt === null) ?? [];
  return (
    <ConfirmButton
      label="Remove"
      title={`Remove ${name}?`}
      action="Remove now"
      change={remove}
      onConfirm={(done) =>
        remove.mutate(
          { params: { id: userId }, query: { keys } },
          {
            onSuccess: () => {
              done.onSuccess();
              notify(`${name} is no longer a member.`);
            },
          },
        )
      }
    >
      What they have open ends at once.
      {owned.length > 0 && (
        <span className="mt-3 grid gap-1.5">
          <span>
            They answer for {owned.length === 1 ? 'one API key' : `${owned.length} API keys`}:{' '}
            {owned.map((key) => visibleText(key.name)).join(', ')}.
          </span>
          <Select
            aria-label={`API keys of ${name}`}
            value={keys}
            onChange={(event) => setKeys(event.target.value === 'hand_over' ? 'hand_over' : 'revoke')}
          >
            <option value="revoke">Revoke them</option>
            {!isSelf && <option value="hand_over">Keep them, and answer for them myself</option>}
          </Select>
        </span>
      )}
    </ConfirmButton>
  );
}

function RoleOf({
  member: { userId, name, role },
  mayWrite,
}: {
  readonly member: Member;
  readonly mayWrite: boolean;
}) {
  const update = useLoomChange('updateMember', ['listMembers', 'listAudit']);
  if (!mayWrite) return <span title={meanings[role]}>{role}</span>;
  return (
    <Select
      aria-label={`Role of ${name}`}
      className="w-28"
      value={role}
      disabled={update.isPending}
      onChange={(event) =>
        update.mutate(
          { params: { id: userId }, body: { role: event.target.value as Role } },
          {
            onSuccess: (changed) => notify(`${name} is ${changed.role} now.`),
            onError: (error) => notify(error.message, { isError: true }),
          },
        )
      }
    >
      {roles.map((role) => (
        <option key={role} value={role} title={meanings[role]}>
          {role}
        </option>
      ))}
    </Select>
  );
}

function Invite({
  onClose,
  onCreated,
}: {
  readonly onClose: () => void;
  readonly onCreated: (link: string) => void;
}) {
  const create = useLoomChange('createInvitation', ['listInvitations', 'listAudit']);
  const [role, setRole] = useState<Role>('member');
  const [email, setEmail] = useState('');
  const submit = () =>
    create.mutate(
      { body: { role, email: email.trim() || null } },
      {
        onSuccess: ({ token }) => {
          onClose();
          onCreated(`${window.location.origin}/invite/${encodeURIComponent(token)}`);
        },
      },
    );
  return (
    <FormDialog
      title="Invite someone"
      description="You get a link to send: Loom sends no mail."
      action="Make the link"
      change={create}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field label="Role" hint={meanings[role]}>
        {(ids) => (
          <Select {...ids} value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {roles.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </Select>
        )}
      </Field>
      <Field label="Email" hint="If given, only this address may accept.">
        {(ids) => (
          <TextInput {...ids} type="email" value={email} onChange={(event) => setEmail(event.target.value)} />
        )}
      </Field>
    </FormDialog>
  );
}

function Invitations() {
  const { data } = useLoom('listInvitations');
  const remove = useLoomChange('deleteInvitation', ['listInvitations', 'listAudit']);
  if (!data || data.invitations.length === 0) return null;
  return (
    <Card title="Invitations">
      <DataTable
        caption="Invitations"
        rows={data.invitations}
        keyOf={({ id }) => id}
        columns={[
          {
            head: 'For',
            cell: ({ email }) => email ?? <span className="text-muted">whoever has the link</span>,
          },
          { head: 'Role', cell: ({ role }) => role },
          { head: 'Invited by', cell: ({ invitedBy }) => invitedBy },
          {
            head: 'State',
            cell: ({ acceptedAt, expiresAt }) => (
              <InvitationState acceptedAt={acceptedAt} expiresAt={expiresAt} />
            ),
          },
          {
            head: 'Action',
            align: 'right',
            cell: ({ id, acceptedAt }) =>
              acceptedAt === null && (
                <ConfirmButton
                  label="Take back"
                  title="Take the invitation back?"
                  action="Take back"
                  change={remove}
                  onConfirm={(done) => remove.mutate({ params: { id } }, done)}
                >
                  Its link stops working.
                </ConfirmButton>
              ),
          },
        ]}
      />
    </Card>
  );
}

function InvitationState({
  acceptedAt,
  expiresAt,
}: {
  readonly acceptedAt: string | null;
  readonly expiresAt: string;
}) {
  if (acceptedAt !== null)
    return (
      <Badge tone="ok" title={formatInstant(acceptedAt)}>
        accepted
      </Badge>
    );
  const isOver = isPast(expiresAt);
  return (
    <Badge tone={isOver ? 'bad' : 'accent'} title={formatInstant(expiresAt)}>
      {isOver ? 'expired' : `ends ${formatRelative(expiresAt)}`}
    </Badge>
  );
}
