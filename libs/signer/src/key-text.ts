import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { LoomError } from '@loom/errors';
import type { SigningKey } from './signer.ts';

/*
 * A signing key as Go's golang.org/x/mod/sumdb/note writes it:
 *
 *   PRIVATE+KEY+<name>+<id: 8 hex digits>+<base64(0x01 || seed)>      id = SHA-256(name "\n" 0x01 public key)[0:4]
 */
const prefix = 'PRIVATE+KEY+';
const ed25519 = 1;
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const spkiBytes = 12;

const refuse = (why: string) => new LoomError('config_invalid', `signing key: ${why}`);

export function newKeyText(name: string): string {
  const seed = randomBytes(32);
  const id = keyIdOf(name, publicKeyOf(privateKeyOf(seed)));
  return `${prefix}${name}+${id}+${Buffer.concat([Buffer.of(ed25519), seed]).toString('base64')}`;
}

/** Throws `config_invalid`, without the key in its message. */
export function parseKeyText(text: string): SigningKey {
  const [name = '', id = '', ...encoded] = text.startsWith(prefix)
    ? text.slice(prefix.length).split('+')
    : [];
  const bytes = Buffer.from(encoded.join('+'), 'base64'); // base64 may hold plus signs
  if (name === '' || /\s/.test(name)) throw refuse(`expected ${prefix}<name>+<id>+<base64>`);
  if (bytes.length !== 33 || bytes[0] !== ed25519) throw refuse(`that of ${name} is no Ed25519 key`);
  const privateKey = privateKeyOf(bytes.subarray(1));
  const publicKey = publicKeyOf(privateKey);
  if (keyIdOf(name, publicKey) !== id) throw refuse(`the id of ${name} does not belong to its key`);
  return { name, publicKey, sign: (message) => Promise.resolve(sign(null, message, privateKey)) };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' });
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(spkiBytes);
}

function keyIdOf(name: string, publicKey: Uint8Array): string {
  const hash = createHash('sha256').update(`${name}\n`).update(Uint8Array.of(ed25519)).update(publicKey);
  return hash.digest().subarray(0, 4).toString('hex');
}
