import { LoomError } from '@loom/errors';
import { fromBase64, fromDecimal, textOf, toBase64, utf8 } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';
import { hashBytes, leafHash, nodeHash, splitOf } from './merkle-hash.ts';

/*
 * A receipt (ADR 0016), the value of `x-loom-receipt`; base64url without padding, numbers decimal:
 *
 *   v1.<statement>.<index>-<size>.<path>.<signature>
 */

/** What an emitter vouches for: it has put this call on the record. */
export interface ReceiptStatement {
  readonly v: 1;
  readonly callId: string;
  readonly project: string;
  readonly emitter: string;
  /** Of the accepted event, in the emitter's sequence of the project. */
  readonly seq: number;
  /** Of the accepted event, unix milliseconds. */
  readonly time: number;
  /** Hex SHA-256 of the request's body as it was recorded. */
  readonly request: string;
}

export interface Receipt {
  /** The canonical text that was signed for. */
  readonly statement: string;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

/** What a receipt is joined of, as text. */
export interface ReceiptParts {
  readonly statement: string;
  readonly index: number;
  readonly size: number;
  readonly path: string;
  readonly signature: string;
}

const signatureBytes = 64;
const textLengthMax = 8192;
const hexHash = /^[0-9a-f]{64}$/;

/** The canonical JSON of a statement, written out: this is done for every call. */
export function writeStatement({ callId, emitter, project, request, seq, time }: ReceiptStatement): string {
  const names = `"callId":${JSON.stringify(callId)},"emitter":${JSON.stringify(emitter)}`;
  return `{${names},"project":${JSON.stringify(project)},"request":"${request}","seq":${seq},"time":${time},"v":1}`;
}

/** What the emitter's key signs, once for all statements of a group. `root`: base64. */
export function receiptMessage(emitter: string, size: number, root: string): string {
  return `loom/receipt/v1\n${emitter}\n${size}\n${root}\n`;
}

/** SHA-256 as RFC 6962 uses it, over hashes in whatever form is fastest for who gives receipts. */
export interface StatementHasher<Hash> {
  /** SHA-256(0x00 || statement) */
  leaf(statement: string): Hash;
  /** SHA-256(0x01 || left || right) */
  node(left: Hash, right: Hash): Hash;
}

/** The tree over the statements of one group, at least one: its root, and the path of each statement in it. */
export function statementTree<Hash>(
  hasher: StatementHasher<Hash>,
  statements: readonly string[],
): { readonly root: Hash; readonly paths: readonly (readonly Hash[])[] } {
  const paths: Hash[][] = statements.map(() => []);
  const rootOf = (start: number, end: number): Hash => {
    if (end - start <= 1) return hasher.leaf(statements[start] ?? '');
    const middle = start + splitOf(end - start);
    const left = rootOf(start, middle);
    const right = rootOf(middle, end);
    for (let index = start; index < end; index += 1) paths[index]?.push(index < middle ? right : left);
    return hasher.node(left, right);
  };
  return { root: rootOf(0, statements.length), paths };
}

/** `statement`, `path` (joined) and `signature` are base64url without padding. */
export function writeReceipt({ statement, index, size, path, signature }: ReceiptParts): string {
  return `v1.${statement}.${index}-${size}.${path}.${signature}`;
}

/** Throws `invalid_request` for anything that {@link writeReceipt} does not write. Says nothing of who wrote it. */
export function parseReceipt(text: string): Receipt & { readonly stated: ReceiptStatement } {
  if (text.length > textLengthMax) throw malformed(`it is longer than ${textLengthMax} characters`);
  const [version, statementPart = '', place = '', pathPart = '', signaturePart = '', ...rest] =
    text.split('.');
  if (version !== 'v1' || rest.length > 0) throw malformed('it is not v1 and four parts');
  const [indexText = '', sizeText = '', ...more] = place.split('-');
  const [index, size] = [fromDecimal(indexText), fromDecimal(sizeText)];
  if (index === null || size === null || index >= size || more.length > 0)
    throw malformed(`"${place.slice(0, 40)}" is no place in a group`);
  const path = bytesOf(pathPart, 'path');
  if (path.length % hashBytes !== 0) throw malformed('the path is not made of hashes');
  const signature = bytesOf(signaturePart, 'signature');
  if (signature.length !== signatureBytes) throw malformed(`the signature has not ${signatureBytes} bytes`);
  const { statement, stated } = parseStatement(bytesOf(statementPart, 'statement'));
  return { statement, stated, index, size, path: hashesOf(path), signature };
}

/**
 * What a receipt states, when the emitter of this key has signed it. That the key is the emitter's is for the log to
 * say (`emitter.opened`). Throws `invalid_request` with the reason `malformed_receipt`, `not_included` (the path does
 * not belong to its place) or `bad_signature` (of this key for this statement, place and path).
 */
export function verifyReceipt(
  crypto: LedgerCrypto,
  text: string,
  { publicKey }: { readonly publicKey: Uint8Array },
): ReceiptStatement {
  const { statement, stated, index, size, path, signature } = parseReceipt(text);
  const root = rootOfPath(crypto, { hash: leafHash(crypto, utf8(statement)), index, size, path });
  if (!root) throw refused('not_included', `the path is none of leaf ${index} of ${size}`);
  const message = utf8(receiptMessage(stated.emitter, size, toBase64(root)));
  if (!crypto.verifyEd25519(publicKey, message, signature))
    throw refused('bad_signature', 'the signature is not that of the key of its emitter');
  return stated;
}

interface Climb {
  readonly hash: Uint8Array;
  readonly index: number;
  readonly size: number;
  /** From the leaf's sibling up. */
  readonly path: readonly Uint8Array[];
}

/** Null when the path has not the length that the place asks for. */
function rootOfPath(crypto: LedgerCrypto, { hash, index, size, path }: Climb): Uint8Array | null {
  const sibling = path.at(-1);
  if (size === 1 || !sibling) return size === 1 && !sibling ? hash : null;
  const split = splitOf(size);
  const isLeft = index < split;
  const below = isLeft ? { index, size: split } : { index: index - split, size: size - split };
  const child = rootOfPath(crypto, { hash, ...below, path: path.slice(0, -1) });
  if (!child) return null;
  return isLeft ? nodeHash(crypto, child, sibling) : nodeHash(crypto, sibling, child);
}

function parseStatement(bytes: Uint8Array): { statement: string; stated: ReceiptStatement } {
  let statement: string;
  let value: unknown;
  try {
    statement = textOf(bytes);
    value = JSON.parse(statement);
  } catch (cause) {
    throw malformed('the statement is no JSON', cause);
  }
  if (!isStatement(value)) throw malformed('the statement lacks something, or has it in another form');
  const { v, callId, project, emitter, seq, time, request } = value;
  const stated = { v, callId, project, emitter, seq, time, request };
  // No other members, white space, order or escapes: one statement has one text.
  if (!isWellFormed(stated) || canonicalJson(stated) !== statement)
    throw malformed('the statement is not in its canonical form');
  return { statement, stated };
}

function isStatement(value: unknown): value is ReceiptStatement {
  if (typeof value !== 'object' || value === null) return false;
  const { v, callId, project, emitter, seq, time, request } = value as Readonly<Record<string, unknown>>;
  return (
    v === 1 &&
    [callId, project, emitter].every((name) => typeof name === 'string' && /^[^\n]{1,256}$/.test(name)) &&
    [seq, time].every((number) => Number.isSafeInteger(number) && (number as number) >= 1) &&
    typeof request === 'string' &&
    hexHash.test(request)
  );
}

function isWellFormed({ callId, project, emitter }: ReceiptStatement): boolean {
  return [callId, project, emitter].every((name) => name.isWellFormed());
}

function hashesOf(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / hashBytes }, (_, index) =>
    bytes.subarray(index * hashBytes, (index + 1) * hashBytes),
  );
}

function bytesOf(text: string, what: string): Uint8Array {
  const padding = '='.repeat((4 - (text.length % 4)) % 4);
  const bytes = /^[\w-]*$/.test(text)
    ? fromBase64(text.replaceAll('-', '+').replaceAll('_', '/') + padding)
    : null;
  if (!bytes) throw malformed(`the ${what} is no base64url`);
  return bytes;
}

function malformed(why: string, cause?: unknown): LoomError {
  return refused('malformed_receipt', why, cause);
}

function refused(reason: string, why: string, cause?: unknown): LoomError {
  return new LoomError('invalid_request', `the receipt is not valid: ${why}`, { reason, cause });
}
