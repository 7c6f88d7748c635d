import type { ApiKey } from '@loom/api-contract';
import { oneLine, toTable } from './terminal-text.ts';

export function formatKeys({ keys }: { readonly keys: readonly ApiKey[] }): string {
  if (keys.length === 0) return 'No keys.';
  const rows = keys.map((key) => [
    key.id,
    oneLine(key.name, 40),
    key.scopes.join(','),
    key.createdAt.slice(0, 10),
    oneLine(key.createdBy?.name ?? '', 24),
    key.revokedAt
      ? `revoked ${key.revokedAt.slice(0, 10)}`
      : (key.expiresAt && `until ${key.expiresAt.slice(0, 10)}`) || 'active',
  ]);
  return toTable([['KEY', 'NAME', 'SCOPES', 'CREATED', 'BY', 'STATE'], ...rows]);
}
