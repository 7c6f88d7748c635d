import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { isLoomError } from '@loom/errors';
import { canonicalJson } from './canonical-json.ts';
import { inclusionProof } from './merkle-proof.ts';
import { nodeCrypto, publicKeyOf, signEd25519 } from './node-crypto.ts';
import {
  parseReceipt,
  receiptMessage,
  type ReceiptStatement,
  statementTree,
  verifyReceipt,
  writeReceipt,
  writeStatement,
} from './receipt.ts';
import { leafHash, nodeHash, splitOf } from './merkle-hash.ts';
import { concat, toBase64, toHex, utf8 } from './bytes.ts';

const hasher = {
  leaf: (statement: string) => leafHash(nodeCrypto, utf8(statement)),
  node: (left: Uint8Array, right: Uint8Array) => nodeHash(nodeCrypto, left, right),
};
const base64Url = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64url');
const emitter = '01990000-0000-7000-8000-00000000000e';
const seed = Buffer.alloc(32, 3);
const publicKey = publicKeyOf(seed);

const statementOf = (index: number): ReceiptStatement => ({
  ...{ v: 1, callId: `call-${index}`, project: 'p1', emitter, seq: index + 1, time: 1_800_000_000_000 },
  request: createHash('sha256').update(`${index}`).digest('hex'),
});

function receiptsOf(size: number): string[] {
  const statements = Array.from({ length: size }, (_, index) => writeStatement(statementOf(index)));
  const { root, paths } = statementTree(hasher, statements);
  const signature = base64Url(signEd25519(seed, utf8(receiptMessage(emitter, size, toBase64(root)))));
  return statements.map((statement, index) =>
    writeReceipt({
      ...{ statement: base64Url(statement), index, size, signature },
      path: base64Url(concat(...(paths[index] ?? []))),
    }),
  );
}

function reasonOf(text: string, key: Uint8Array = publicKey): string | undefined {
  try {
    verifyReceipt(nodeCrypto, text, { publicKey: key });
    return undefined;
  } catch (error) {
    if (!isLoomError(error) || error.code !== 'invalid_request') throw error;
    return error.reason;
  }
}

describe('receipts', () => {
  it('of every group up to 64 calls say what was stated, by the paths of RFC 6962', () => {
    for (let size = 1; size <= 64; size += 1) {
      const leaves = Array.from({ length: size }, (_, index) =>
        leafHash(nodeCrypto, utf8(writeStatement(statementOf(index)))),
      );
      const rangeHash = (start: number, end: number): Uint8Array => {
        if (end - start === 1) return leaves[start] ?? new Uint8Array();
        const middle = start + splitOf(end - start);
        return nodeHash(nodeCrypto, rangeHash(start, middle), rangeHash(middle, end));
      };
      for (const [index, receipt] of receiptsOf(size).entries()) {
        expect(verifyReceipt(nodeCrypto, receipt, { publicKey })).toEqual(statementOf(index));
        const { path } = parseReceipt(receipt);
        expect(path.map(toHex)).toEqual(inclusionProof(index, size, rangeHash).map(toHex));
      }
    }
  });

  it('have one text for one statement: its canonical JSON', () => {
    const odd = { ...statementOf(0), project: 'é"\\\u0007', callId: '\u2028🙂' };
    for (const statement of [statementOf(0), odd])
      expect(writeStatement(statement)).toBe(canonicalJson({ ...statement }));
    const [receipt = ''] = receiptsOf(3);
    expect(receipt).toMatch(/^v1\.[\w-]+\.0-3\.[\w-]+\.[\w-]{86}$/);
  });

  it('are refused when any one character is another, is missing, or is one too many', () => {
    const alphabet = 'ABab01-_.=+/ ';
    for (const receipt of [receiptsOf(1)[0] ?? '', receiptsOf(5)[4] ?? '']) {
      for (let at = 0; at < receipt.length; at += 1) {
        const [before, after] = [receipt.slice(0, at), receipt.slice(at + 1)];
        expect(reasonOf(before + after)).toBeDefined();
        for (const other of alphabet) {
          if (other !== receipt[at]) expect(reasonOf(before + other + after)).toBeDefined();
          expect(reasonOf(before + other + receipt.slice(at))).toBeDefined();
        }
      }
      for (const end of alphabet) expect(reasonOf(receipt + end)).toBeDefined();
    }
  });

  it('are refused when any one bit of what they carry is another', () => {
    const [, , receipt = ''] = receiptsOf(6);
    const parts = receipt.split('.');
    for (const part of [1, 3, 4]) {
      const bytes = Buffer.from(parts[part] ?? '', 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(reasonOf(parts.with(part, base64Url(changed)).join('.'))).toBeDefined();
      }
    }
  });

  it('say why they are refused', () => {
    const receipts = receiptsOf(5);
    const parts = (receipts[2] ?? '').split('.');
    const others = (receipts[3] ?? '').split('.');
    const put = (index: number, text = '') => parts.with(index, text).join('.');
    expect(reasonOf(receipts[2] ?? '', publicKeyOf(Buffer.alloc(32, 4)))).toBe('bad_signature');
    expect(reasonOf(receipts[2] ?? '', new Uint8Array())).toBe('bad_signature');
    expect(reasonOf(put(1, others[1]))).toBe('bad_signature');
    expect(reasonOf(put(2, '3-5'))).toBe('bad_signature');
    expect(reasonOf(put(2, '2-6'))).toBe('bad_signature');
    expect(reasonOf(put(2, '4-5'))).toBe('not_included');
    expect(reasonOf(put(2, '2-4'))).toBe('not_included');
    expect(reasonOf(put(2, '2-9007199254740991'))).toBe('not_included');
    expect(reasonOf(put(3))).toBe('not_included');
    for (const place of ['', '2', '2-', '-5', '5-5', '02-5', '2-5-5', '2.0-5', '-1-5', '2-9007199254740992'])
      expect(reasonOf(put(2, place))).toBe('malformed_receipt');
    for (const text of ['', 'v1', 'v2' + (receipts[2] ?? '').slice(2), `${receipts[2]}.x`, 'v1....'])
      expect(reasonOf(text)).toBe('malformed_receipt');
    expect(reasonOf(put(3, base64Url(Buffer.alloc(33))))).toBe('malformed_receipt');
    expect(reasonOf(put(4, base64Url(Buffer.alloc(63))))).toBe('malformed_receipt');
    expect(reasonOf(put(1, 'A'.repeat(10_000)))).toBe('malformed_receipt');
  });

  it('with a statement in another form are none, also under a good signature', () => {
    const signed = (statement: string | Uint8Array) => {
      const root = leafHash(nodeCrypto, Buffer.from(statement));
      const signature = signEd25519(seed, utf8(receiptMessage(emitter, 1, toBase64(root))));
      return `v1.${base64Url(statement)}.0-1..${base64Url(signature)}`;
    };
    const good = statementOf(0);
    const text = writeStatement(good);
    expect(reasonOf(signed(text))).toBeUndefined();
    const { request: _, ...without } = good;
    const bad: (string | Uint8Array)[] = [
      ...['', '[]', 'null', '1', '{}', `${text} `, ` ${text}`, text.replace('"v":1', '"v":1.0')],
      ...[JSON.stringify(good), text.replace('"v":1', '"v":1,"w":2'), text.replace('"v":1', '"v":1,"v":1')],
      ...[text.replace('call-0', 'c\\u0061ll-0'), text.replace('call-0', '\\ud800'), canonicalJson(without)],
      ...[{ v: 2 }, { seq: 0 }, { seq: '1' }, { time: -1 }, { request: 'abc' }, { request: null }].map(
        (change) => canonicalJson({ ...good, ...change }),
      ),
      ...[{ request: good.request.toUpperCase() }, { callId: '' }, { emitter: 'a\nb' }, { project: 7 }].map(
        (change) => canonicalJson({ ...good, ...change }),
      ),
      Buffer.from([...Buffer.from(text), 0xff]),
    ];
    for (const statement of bad) expect(reasonOf(signed(statement))).toBe('malformed_receipt');
  });
});
