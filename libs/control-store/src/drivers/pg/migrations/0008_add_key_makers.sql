-- Who made a key, { type, id, name } at the time, and the person who answers for it: its maker, the owner of the key that
-- made it, or the one it was handed to. Null: the deployment, or not known.
ALTER TABLE api_keys ADD COLUMN created_by jsonb;
ALTER TABLE api_keys ADD COLUMN owner_id text;
CREATE INDEX api_keys_owner ON api_keys (organization_id, owner_id) WHERE owner_id IS NOT NULL;
UPDATE api_keys SET
  created_by = jsonb_build_object('type', actor_type, 'id', actor_id, 'name', actor_name),
  owner_id = CASE actor_type WHEN 'user' THEN actor_id END
FROM audit_entries WHERE action = 'key.create' AND resource_id = api_keys.id;
-- Keys that such a key made answer to the same person, and so on.
WITH RECURSIVE answered AS (
  SELECT id, owner_id FROM api_keys WHERE owner_id IS NOT NULL
  UNION
  SELECT made.id, answered.owner_id FROM api_keys AS made
    JOIN answered ON made.created_by ->> 'type' = 'key' AND made.created_by ->> 'id' = answered.id
)
UPDATE api_keys SET owner_id = answered.owner_id FROM answered
  WHERE api_keys.id = answered.id AND api_keys.owner_id IS NULL;
