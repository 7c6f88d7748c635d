import {
  concat,
  type Envelope,
  nodeCrypto,
  type OpenedPart,
  payloadCommitment,
  toHex,
  utf8,
} from '@loom/ledger';

/** Whether what the stores have now is what a leaf was committed to. */
export function isOpening({ commits = {} }: Envelope, opened: OpenedPart): boolean {
  const { part, salt } = opened;
  const commitment = payloadCommitment(nodeCrypto, { part, salt, payload: payloadOf(opened) });
  return commits[part] === toHex(commitment);
}

function payloadOf(part: OpenedPart): Uint8Array {
  if ('text' in part) return utf8(part.text);
  return part.storedHash ? concat(part.hash, part.storedHash) : part.hash;
}
