import { isLoomError, LoomError, messageOf } from '@loom/errors';

/** What a refusal says of a bundle; exit codes and colours go by it. */
export type BundleOutcome = 'tampered' | 'incomplete' | 'untrusted' | 'usage';

/** Each in one sentence, for people. */
export const outcomeTexts: Readonly<Record<BundleOutcome, string>> = {
  tampered: 'TAMPERED: this bundle is not what was sealed, or is no bundle.',
  incomplete: 'INCOMPLETE: this cannot be verified to its end.',
  untrusted: 'UNTRUSTED: it is not signed by whom it should be.',
  usage: 'NOT CHECKED: what was given to check it with is of no use.',
};

/** Why a bundle is refused: the closed list, and what each says of it. */
export const bundleReasons = {
  // The archive.
  cut_short: 'incomplete',
  bad_header_checksum: 'tampered',
  not_a_regular_file: 'tampered',
  unsafe_name: 'tampered',
  header_not_canonical: 'tampered',
  nonzero_padding: 'tampered',
  unexpected_member: 'tampered',
  too_large: 'tampered',
  beyond_limits: 'incomplete',
  trailing_bytes: 'tampered',
  // What its members say.
  malformed_bundle: 'tampered',
  malformed_note: 'tampered',
  malformed_checkpoint: 'tampered',
  malformed_edge: 'tampered',
  malformed_envelope: 'tampered',
  malformed_opening: 'tampered',
  malformed_tombstone: 'tampered',
  malformed_manifest: 'tampered',
  wrong_origin: 'tampered',
  wrong_size: 'tampered',
  clock_nonsense: 'tampered',
  // Signatures.
  bad_signature: 'tampered',
  unknown_key: 'untrusted',
  quorum_not_met: 'untrusted',
  // The tree.
  wrong_start_root: 'tampered',
  wrong_end_root: 'tampered',
  inconsistent: 'tampered',
  fork: 'tampered',
  rollback: 'tampered',
  prior_not_covered: 'incomplete',
  // Leaves.
  foreign_leaf: 'tampered',
  wrong_leaf_index: 'tampered',
  duplicate_event: 'tampered',
  // Openings and payloads.
  opening_without_leaf: 'tampered',
  opening_without_commitment: 'tampered',
  duplicate_opening: 'tampered',
  openings_out_of_order: 'tampered',
  wrong_commitment: 'tampered',
  wrong_facts: 'tampered',
  wrong_length: 'tampered',
  wrong_truncation: 'tampered',
  wrong_payload: 'tampered',
  // Tombstones.
  wrong_tombstone: 'tampered',
  // The manifest.
  wrong_byte_count: 'tampered',
  wrong_hash: 'tampered',
  wrong_leaf_count: 'tampered',
  wrong_payload_count: 'tampered',
  // What the auditor gave.
  malformed_prior: 'usage',
  prior_of_another_log: 'usage',
  malformed_policy: 'usage',
} as const satisfies Record<string, BundleOutcome>;
export type BundleReason = keyof typeof bundleReasons;

/** Where in a bundle: a member (`prior` and `policy` are the auditor's own), its first byte, and the leaf or line in it. */
export interface BundlePlace {
  readonly member: string;
  readonly offset?: number;
  readonly line?: number;
  readonly leaf?: number;
}

/** `invalid_request`, with `reason`, and `details` {reason, outcome, place}. */
export function refusal(reason: BundleReason, place: BundlePlace, why: string, cause?: unknown): LoomError {
  return new LoomError('invalid_request', `${placeText(place)}: ${why}`, {
    reason,
    details: { reason, outcome: bundleReasons[reason], place },
    cause,
  });
}

/** What a refusal of {@link verifyBundle} says; null for any other error. */
export function refusalOf(
  error: unknown,
): { readonly reason: BundleReason; readonly outcome: BundleOutcome; readonly place: BundlePlace } | null {
  if (!isLoomError(error) || !error.details || !('place' in error.details)) return null;
  return error.details as unknown as ReturnType<typeof refusalOf>;
}

/** Runs what knows no place: what it refuses, is refused here; under its own reason where that is one of the list. */
export function at<Result>(place: BundlePlace, fallback: BundleReason, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!isLoomError(error) || error.code !== 'invalid_request' || refusalOf(error)) throw error;
    const known = error.reason !== undefined && error.reason in bundleReasons;
    throw refusal(known ? (error.reason as BundleReason) : fallback, place, messageOf(error), error);
  }
}

export function placeText({ member, offset, line, leaf }: BundlePlace): string {
  const details = [
    offset === undefined ? [] : `byte ${offset}`,
    line === undefined ? [] : `line ${line}`,
    leaf === undefined ? [] : `leaf ${leaf}`,
  ].flat();
  return details.length === 0 ? member : `${member} (${details.join(', ')})`;
}
