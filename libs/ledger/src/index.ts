export {
  bucketCommitment,
  bucketKeyBytes,
  bucketOf,
  keyPeriodMs,
  keyPeriodOf,
  commitmentSalt,
  newBucketKey,
  openPayload,
  type SealedPayloadPlace,
  sealPayload,
  splitWholeHash,
  withWholeHash,
} from './bucket-keys.ts';
export {
  type BundleMeta,
  type PayloadOpening,
  readManifest,
  type TextOpening,
  type Tombstone,
  writeManifest,
} from './bundle/bundle-format.ts';
export {
  type BundleChunk,
  type BundleHead,
  type BundleSink,
  BundleWriter,
  type OpenedPart,
} from './bundle/bundle-writer.ts';
export { concat, equalBytes, fromBase64, fromHex, textOf, toBase64, toHex, utf8 } from './bytes.ts';
export { type CallMeta, writeCallMeta } from './call-meta.ts';
export { canonicalJson, type CanonicalValue } from './canonical-json.ts';
export { type Checkpoint, parseCheckpoint, writeCheckpoint } from './checkpoint.ts';
export { payloadCommitment, saltBytes } from './commitment.ts';
export { CompactRange } from './compact-range.ts';
export { clipName, type Envelope, envelopeBytesMax, parseEnvelope, writeEnvelope } from './envelope.ts';
export { beganMs, differingFields, type ShownRow } from './envelope-facts.ts';
export { compareFigures, type Figure, nanoUsdOf, type ShownFigures } from './figures.ts';
export { UnopenedParts } from './bundle/unopened-parts.ts';
export type { LedgerCrypto, Sha256Stream } from './ledger-crypto.ts';
export { nodeCrypto, publicKeyOf, sha256Stream, signEd25519 } from './node-crypto.ts';
export { emptyRoot, hashBytes, leafHash, nodeHash } from './merkle-hash.ts';
export {
  consistencyProof,
  inclusionProof,
  type RangeHash,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './merkle-proof.ts';
export {
  parseReceipt,
  type Receipt,
  receiptMessage,
  type ReceiptStatement,
  statementTree,
  verifyReceipt,
  writeReceipt,
  writeStatement,
} from './receipt.ts';
export {
  differingFacts,
  factsOf,
  markFacts,
  metaVersion,
  readFacts,
  type RowFacts,
  writeFacts,
} from './row-facts.ts';
export { recordText } from './record-text.ts';
export { type NoteSigner, signNote, verifierOf } from './sign-note.ts';
export {
  cosignatureBytes,
  cosignatureType,
  cosignedMessage,
  ed25519Type,
  keyIdOf,
  type NoteSignature,
  type NoteVerifier,
  parseNote,
  parseVerifierKey,
  signatureLine,
  type VerifiedSignature,
  verifyNote,
  writeNote,
  writeVerifierKey,
} from './signed-note.ts';
export {
  entriesPath,
  newTiles,
  rangeHashOfTiles,
  type ReadTile,
  tilePath,
  type TilePlace,
  tileSlotOf,
  tileWidth,
} from './tiles.ts';
export { type FetchTiles, proveWithTiles } from './prove-with-tiles.ts';
export { parseTlogProof, type TlogProof, verifyTlogProof, writeTlogProof } from './tlog-proof.ts';
export {
  type AddCheckpoint,
  parseAddCheckpoint,
  readCosignature,
  sizeContentType,
  writeAddCheckpoint,
} from './witness/add-checkpoint.ts';
export {
  cosignerOf,
  Witness,
  type WitnessAnswer,
  type WitnessDeps,
  type WitnessStore,
} from './witness/witness.ts';
