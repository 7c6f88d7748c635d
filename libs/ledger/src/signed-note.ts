import { LoomError } from '@loom/errors';
import { concat, fromBase64, fromHex, toBase64, toHex, utf8 } from './bytes.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';

/*
 * C2SP signed-note, version 1:
 *
 *   note      = text "\n" signature+            text ends with a newline and has no control characters but newlines
 *   signature = "— " name " " base64(key id (4 bytes, big endian) || signature) "\n"
 *   vkey      = name "+" hex(key id) "+" base64(type (1 byte) || public key)
 *   key id    = SHA-256(name || "\n" || type || public key)[:4]
 *
 * Type 1 signs the text; type 4 (tlog-cosignature) signs "cosignature/v1\ntime <t>\n" and the text, and is preceded by
 * the time (8 bytes, big endian).
 */

export const ed25519Type = 1;
export const cosignatureType = 4;

export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Uint8Array;
}

export interface ParsedNote {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A public key that is trusted for notes. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: number;
  readonly type: typeof ed25519Type | typeof cosignatureType;
  readonly publicKey: Uint8Array;
}

/** A signature that holds; `timeSeconds` for cosignatures. */
export interface VerifiedSignature {
  readonly verifier: NoteVerifier;
  readonly timeSeconds: number | null;
}

const noteBytesMax = 1_000_000;
const signaturesMax = 100;
// eslint-disable-next-line no-control-regex -- the format forbids them by their codes
const forbidden = /[\u0000-\u0009\u000b-\u001f]/;
const nameSyntax = /^[^\s+]+$/u;

const malformed = (why: string) =>
  new LoomError('invalid_request', `malformed note: ${why}`, { reason: 'malformed_note' });

/** Takes a note apart. Throws `invalid_request` for what is none; says nothing of whether its signatures hold. */
export function parseNote(note: string): ParsedNote {
  if (utf8(note).length > noteBytesMax) throw malformed(`it is larger than ${noteBytesMax} bytes`);
  if (forbidden.test(note)) throw malformed('it has control characters');
  if (note.includes('\ufffd')) throw malformed('it is not valid UTF-8');
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw malformed('no empty line stands before its signatures');
  const text = note.slice(0, split + 1);
  const block = note.slice(split + 2);
  if (!block.endsWith('\n')) throw malformed('it has no signatures, or they do not end with a newline');
  const lines = block.slice(0, -1).split('\n');
  if (lines.length > signaturesMax) throw malformed(`it has more than ${signaturesMax} signatures`);
  return { text, signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [dash, name = '', encoded = '', ...more] = line.split(' ');
  if (dash !== '\u2014' || more.length > 0) throw malformed('a signature line is not "— name base64"');
  if (!nameSyntax.test(name)) throw malformed('a key name is empty or has spaces or plus signs');
  const bytes = fromBase64(encoded);
  if (!bytes || bytes.length < 5)
    throw malformed(`the signature of ${name} is no base64 of more than four bytes`);
  const keyId = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  return { name, keyId, signature: bytes.subarray(4) };
}

/**
 * Which of the known keys have signed a note. Signatures of unknown keys are ignored. Throws `invalid_request` with reason
 * `bad_signature` when one of a known key does not hold, and `unknown_key` when no known key has signed.
 */
export function verifyNote(
  crypto: LedgerCrypto,
  note: string,
  known: readonly NoteVerifier[],
): ParsedNote & { readonly verified: readonly VerifiedSignature[] } {
  const parsed = parseNote(note);
  const verified: VerifiedSignature[] = [];
  for (const signature of parsed.signatures) {
    const verifier = known.find(({ name, keyId }) => name === signature.name && keyId === signature.keyId);
    if (!verifier || verified.some((earlier) => earlier.verifier === verifier)) continue;
    const result = verifySignature(crypto, verifier, parsed.text, signature.signature);
    if (!result)
      throw new LoomError('invalid_request', `the signature of ${signature.name} does not hold`, {
        reason: 'bad_signature',
      });
    verified.push(result);
  }
  if (verified.length === 0)
    throw new LoomError('invalid_request', 'the note is not signed by a known key', {
      reason: 'unknown_key',
    });
  return { ...parsed, verified };
}

function verifySignature(
  crypto: LedgerCrypto,
  verifier: NoteVerifier,
  text: string,
  signature: Uint8Array,
): VerifiedSignature | null {
  const { type, publicKey } = verifier;
  if (type === ed25519Type)
    return crypto.verifyEd25519(publicKey, utf8(text), signature) ? { verifier, timeSeconds: null } : null;
  if (signature.length !== 72) return null;
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  const message = cosignedMessage(Number(time), text);
  if (!crypto.verifyEd25519(publicKey, message, signature.subarray(8))) return null;
  return { verifier, timeSeconds: Number(time) };
}

/** What a cosigner signs. */
export function cosignedMessage(timeSeconds: number, text: string): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`);
}

/** The bytes of a cosignature: when, and the signature over {@link cosignedMessage}. */
export function cosignatureBytes(timeSeconds: number, signature: Uint8Array): Uint8Array {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(timeSeconds));
  return concat(time, signature);
}

/** The id of a key in signatures: short, to find the key, not to prove it. */
export function keyIdOf(crypto: LedgerCrypto, name: string, type: number, publicKey: Uint8Array): number {
  const digest = crypto.sha256(concat(utf8(`${name}\n`), Uint8Array.of(type), publicKey));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

/** One signature line, to follow a note's empty line. */
export function signatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = new Uint8Array(4);
  new DataView(id.buffer).setUint32(0, keyId);
  return `\u2014 ${name} ${toBase64(concat(id, signature))}\n`;
}

/** A note of a text and its signatures. Throws `invalid_request` for a text that no note can have. */
export function writeNote(text: string, signatures: readonly NoteSignature[]): string {
  const note = `${text}\n${signatures.map(signatureLine).join('')}`;
  if (!text.endsWith('\n') || parseNote(note).text !== text) throw malformed('this text cannot be signed');
  return note;
}

/** A key as `name+id+base64`. Throws `invalid_request` for what is none, or a key of another kind. */
export function parseVerifierKey(crypto: LedgerCrypto, vkey: string): NoteVerifier {
  const refuse = (why: string) =>
    new LoomError('invalid_request', `malformed verifier key: ${why}`, { param: 'vkey' });
  const [name = '', id = '', encoded = ''] = splitKey(vkey);
  if (!nameSyntax.test(name)) throw refuse('its name is empty or has spaces');
  const idBytes = fromHex(id);
  const bytes = fromBase64(encoded);
  if (!idBytes || idBytes.length !== 4 || !bytes) throw refuse('write it as name+8 hex digits+base64');
  const [type] = bytes;
  if ((type !== ed25519Type && type !== cosignatureType) || bytes.length !== 33)
    throw refuse('it is no Ed25519 key');
  const publicKey = bytes.subarray(1);
  const keyId = keyIdOf(crypto, name, type, publicKey);
  if (toHex(idBytes) !== keyId.toString(16).padStart(8, '0'))
    throw refuse('its id does not belong to its name and key');
  return { name, keyId, type, publicKey };
}

// Base64 may hold plus signs, names may not.
function splitKey(vkey: string): string[] {
  const first = vkey.indexOf('+');
  const second = vkey.indexOf('+', first + 1);
  return first < 0 || second < 0
    ? []
    : [vkey.slice(0, first), vkey.slice(first + 1, second), vkey.slice(second + 1)];
}

export function writeVerifierKey({ name, keyId, type, publicKey }: NoteVerifier): string {
  return `${name}+${keyId.toString(16).padStart(8, '0')}+${toBase64(concat(Uint8Array.of(type), publicKey))}`;
}
