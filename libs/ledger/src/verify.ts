/* The verifier and what it needs, without node:crypto: for a browser, which brings its own `LedgerCrypto`. */

export { type BundlePolicy, parsePolicy } from './bundle/bundle-policy.ts';
export {
  type BundleOutcome,
  type BundlePlace,
  type BundleReason,
  bundleReasons,
  outcomeTexts,
  placeText,
  refusalOf,
} from './bundle/bundle-refusal.ts';
export {
  type BundleReport,
  lossesInWords,
  type ReportedCheckpoint,
  verdictTexts,
} from './bundle/bundle-report.ts';
export { verifyBundle, type VerifyBundleOptions } from './bundle/verify-bundle.ts';
export { fromHex, toHex, utf8 } from './bytes.ts';
export { payloadCommitment } from './commitment.ts';
export { type Envelope, parseEnvelope } from './envelope.ts';
export { differingFields, type ShownRow } from './envelope-facts.ts';
export { compareFigures, type Figure } from './figures.ts';
export type { LedgerCrypto, Sha256Stream } from './ledger-crypto.ts';
export { readFacts, type RowFacts } from './row-facts.ts';
export { type NoteVerifier, parseVerifierKey, verifyNote } from './signed-note.ts';
export { parseCheckpoint } from './checkpoint.ts';
export { parseTlogProof, verifyTlogProof } from './tlog-proof.ts';
