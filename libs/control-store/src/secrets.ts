export { hashSecret, newApiKey, type NewApiKeyParts, parseApiKey } from './api-keys.ts';
export { type MasterKeys, seal, type SealContext, unseal } from './sealing.ts';
