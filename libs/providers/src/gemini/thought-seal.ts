import { parseRecord, records, text } from '../json-values.ts';
import type { NeutralReasoning } from '../neutral/neutral-request.ts';

/*
 * What a caller of the Gemini API gets as a `thoughtSignature` and sends back. The API has it as bytes, which clients may
 * decode and encode again, in either alphabet of base64, so it is base64 of
 *
 *   loom.1.{ reasoning?: { text, signature, encrypted }[], signature? }
 *
 * `signature` belongs to the part itself. Clients such as Gemini CLI send back calls and no thoughts: so the first call
 * after thoughts carries them. What does not begin so was signed by another provider.
 */
const prefix = 'loom.1.';

/** How every seal begins, in either alphabet: base64 of the prefix and of `{"`. */
export const sealedBeginning = 'bG9vbS4xLnsi';
/** A seal as a text in JSON; its first group is the seal. */
export const sealedText = new RegExp(`"(${sealedBeginning}[\\w+/=-]*)"`, 'g');

/** What a part carries unread. */
export interface SealedThought {
  readonly reasoning: readonly NeutralReasoning[];
  /** Of the part itself; null: it has none. */
  readonly signature: string | null;
}

/** Returns the signature of a part; null where there is nothing to carry. */
export function sealThought({ reasoning, signature }: SealedThought): string | null {
  if (reasoning.length === 0 && signature === null) return null;
  const told = reasoning.map(({ type: _type, ...rest }) => rest);
  const content = {
    ...(told.length > 0 ? { reasoning: told } : {}),
    ...(signature === null ? {} : { signature }),
  };
  return Buffer.from(prefix + JSON.stringify(content)).toString('base64');
}

/** Reads a signature that {@link sealThought} returned; null for what another provider signed. */
export function openThought(sealed: string | null): SealedThought | null {
  if (sealed === null) return null;
  const said = Buffer.from(sealed, 'base64').toString('utf8');
  const content = said.startsWith(prefix) ? parseRecord(said.slice(prefix.length)) : null;
  if (!content) return null;
  const reasoning = records(content.reasoning).map((one): NeutralReasoning => ({
    ...{ type: 'reasoning', text: text(one.text) ?? '' },
    ...{ signature: text(one.signature), encrypted: text(one.encrypted) },
  }));
  return { reasoning, signature: text(content.signature) };
}
