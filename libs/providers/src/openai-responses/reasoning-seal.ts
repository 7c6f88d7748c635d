import { parseRecord, text } from '../json-values.ts';

/*
 * Reasoning that is handed to a caller of the Responses API and comes back in its next request. What another provider
 * needs to know it again (a signature, sealed bytes) travels in `encrypted_content`, which callers pass on unread:
 *
 *   loom.1.<base64url of { signature?, encrypted? }>
 *
 * What does not begin so was sealed by another provider, and says nothing to the one that is asked now.
 */
const prefix = 'loom.1.';

export function sealReasoning(signature: string | null, encrypted: string | null): string | null {
  if (signature === null && encrypted === null) return null;
  return prefix + Buffer.from(JSON.stringify({ signature, encrypted })).toString('base64url');
}

export function openReasoning(sealed: string | null): { signature: string | null; encrypted: string | null } {
  const opened = sealed?.startsWith(prefix)
    ? parseRecord(Buffer.from(sealed.slice(prefix.length), 'base64url').toString('utf8'))
    : null;
  return { signature: text(opened?.signature), encrypted: text(opened?.encrypted) };
}
