import type { StoredLeaf } from '@loom/control-store';
import {
  concat,
  nodeCrypto,
  type OpenedPart,
  parseEnvelope,
  payloadCommitment,
  toHex,
  utf8,
} from '@loom/ledger';

export interface OpeningCheck {
  readonly verified: number;
  /** Parts that nothing opens: erased, retained no longer, or lost. */
  readonly unopened: number;
  /** Parts whose opening is not what the leaf is committed to. */
  readonly wrong: readonly string[];
}

/** Whether what the stores have now is what the leaves were committed to. */
export function checkOpenings(leaves: readonly StoredLeaf[], parts: readonly OpenedPart[]): OpeningCheck {
  const envelopes = new Map(leaves.map(({ index, envelope }) => [index, parseEnvelope(envelope)]));
  const wrong: string[] = [];
  for (const part of parts) {
    const committed = envelopes.get(part.index)?.commits?.[part.part];
    const commitment = payloadCommitment(nodeCrypto, {
      part: part.part,
      salt: part.salt,
      payload: openingOf(part),
    });
    if (committed !== toHex(commitment))
      wrong.push(`the ${part.part} of leaf ${part.index} is not what it is committed to`);
  }
  const all = [...envelopes.values()].reduce((sum, { commits = {} }) => sum + Object.keys(commits).length, 0);
  return { verified: parts.length - wrong.length, unopened: all - parts.length, wrong };
}

function openingOf(part: OpenedPart): Uint8Array {
  if ('text' in part) return utf8(part.text);
  return part.storedHash ? concat(part.hash, part.storedHash) : part.hash;
}
