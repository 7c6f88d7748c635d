export { hashSecret, newApiKey, type NewApiKeyParts, parseApiKey } from './api-keys.ts';
export { type MasterKey, seal, type SealContext, unseal } from './sealing.ts';
