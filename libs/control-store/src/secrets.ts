export {
  apiKeyPrefix,
  hashSecret,
  newApiKey,
  type NewApiKeyParts,
  newPepper,
  parseApiKey,
} from './api-keys.ts';
export {
  bucketLabels,
  openBucketKey,
  openErasedUser,
  sealBucketKey,
  sealErasedUser,
} from './bucket-secrets.ts';
export { contentKeysOf, parseMasterKeys, parsePeppers } from './keyrings.ts';
export { type MasterKeys, seal, type SealContext, unseal } from './sealing.ts';
export { type KeyVerification, type KeyVerificationOptions, verifyApiKey } from './verify-api-key.ts';
