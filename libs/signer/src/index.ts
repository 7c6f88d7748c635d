export { newKeyText, parseKeyText } from './key-text.ts';
export { openSigner } from './open.ts';
export type { Signer, SigningKey } from './signer.ts';
