-- The person who made the invitation: it is open while they are an owner. Null when it was no person.
ALTER TABLE invitations ADD COLUMN inviter_id text;
UPDATE invitations SET inviter_id = audit_entries.actor_id FROM audit_entries
  WHERE audit_entries.action = 'invitation.create' AND audit_entries.resource_id = invitations.id
    AND audit_entries.actor_type = 'user';
