import { parseRecord, text } from '../json-values.ts';

/*
 * Reasoning, and summaries of conversations (compaction.ts), that a caller of the Responses API gets and sends back. What another provider
 * needs to know it again (a signature, sealed bytes) travels in `encrypted_content`, which callers pass on unread:
 *
 *   loom.1.<base64url of { signature?, encrypted? } or of { summary }>
 *
 * What does not begin so was sealed by another provider, and says nothing to the one that is asked now.
 */
const prefix = 'loom.1.';

export function sealReasoning(signature: string | null, encrypted: string | null): string | null {
  if (signature === null && encrypted === null) return null;
  return seal({ signature, encrypted });
}

export function openReasoning(sealed: string | null): { signature: string | null; encrypted: string | null } {
  const opened = open(sealed);
  return { signature: text(opened?.signature), encrypted: text(opened?.encrypted) };
}

/** Returns a summary as an item of the Responses API carries it. */
export function sealSummary(summary: string): string {
  return seal({ summary });
}

/** Returns a summary that {@link sealSummary} sealed; null for what another provider sealed. */
export function openSummary(sealed: string | null): string | null {
  return text(open(sealed)?.summary);
}

function seal(content: object): string {
  return prefix + Buffer.from(JSON.stringify(content)).toString('base64url');
}

function open(sealed: string | null): Readonly<Record<string, unknown>> | null {
  if (!sealed?.startsWith(prefix)) return null;
  return parseRecord(Buffer.from(sealed.slice(prefix.length), 'base64url').toString('utf8'));
}
