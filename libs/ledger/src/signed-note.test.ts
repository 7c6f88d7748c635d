import { describe, expect, it } from '@jest/globals';
import type { LoomError } from '@loom/errors';
import fc from 'fast-check';
import { fromBase64, toBase64, utf8 } from './bytes.ts';
import { canonicalJson, type CanonicalValue } from './canonical-json.ts';
import { parseCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { nodeCrypto, publicKeyOf, signEd25519 } from './node-crypto.ts';
import { leafHash } from './merkle-hash.ts';
import {
  cosignatureBytes,
  cosignatureType,
  cosignedMessage,
  ed25519Type,
  keyIdOf,
  type NoteVerifier,
  parseNote,
  parseVerifierKey,
  verifyNote,
  writeNote,
  writeVerifierKey,
} from './signed-note.ts';
import { parseTlogProof, verifyTlogProof, writeTlogProof } from './tlog-proof.ts';

/** A key of a test: from one number, so that every run signs the same bytes. */
function testKey(
  number: number,
  name = `example.com/log${number}`,
  type: NoteVerifier['type'] = ed25519Type,
) {
  const seed = nodeCrypto.sha256(Uint8Array.of(number));
  const publicKey = publicKeyOf(seed);
  const verifier = { name, type, publicKey, keyId: keyIdOf(nodeCrypto, name, type, publicKey) };
  const sign = (text: string) => ({ name, keyId: verifier.keyId, signature: signEd25519(seed, utf8(text)) });
  const cosign = (text: string, time: number) => {
    const signature = cosignatureBytes(time, signEd25519(seed, cosignedMessage(time, text)));
    return { name, keyId: verifier.keyId, signature };
  };
  return { verifier, sign, cosign };
}

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as LoomError).reason ?? (error as LoomError).code;
  }
};

// The example of golang.org/x/mod/sumdb/note.
const goKey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const goText =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const goSignature =
  '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const goNote = `${goText}\n${goSignature}`;
const known = [parseVerifierKey(nodeCrypto, goKey)];

describe('notes', () => {
  it("verifies Go's example, and writes it the same", () => {
    const { text, verified } = verifyNote(nodeCrypto, goNote, known);
    expect([text, verified[0]?.verifier.name]).toEqual([goText, 'PeterNeumann']);
    expect(writeNote(text, parseNote(goNote).signatures)).toBe(goNote);
    expect(writeVerifierKey(known[0] as NoteVerifier)).toBe(goKey);
  });

  const line = goSignature.trimEnd();
  const [, , base64 = ''] = line.split(' ');
  const flipped = toBase64(
    (fromBase64(base64) ?? new Uint8Array()).map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
  );
  const otherId = toBase64(
    (fromBase64(base64) ?? new Uint8Array()).map((byte, at) => (at === 0 ? byte ^ 1 : byte)),
  );
  const short = toBase64((fromBase64(base64) ?? new Uint8Array()).slice(0, 4));
  const control = Array.from({ length: 32 }, (_, code) => code)
    .filter((code) => code !== 10)
    .map(
      (code) =>
        [`control character ${code}`, goNote.replace('think', `th${String.fromCharCode(code)}nk`)] as const,
    );

  it.each([
    ...control,
    ['nothing', ''],
    ['no empty line', goText + goSignature],
    ['no signature', `${goText}\n`],
    ['only a text', goText],
    ['no last newline', goNote.trimEnd()],
    ['CRLF', goNote.replaceAll('\n', '\r\n')],
    ['an empty line behind the signatures', `${goNote}\n`],
    ['text behind the signatures', `${goNote}more\n`],
    ['a hyphen for the dash', goNote.replace('\u2014', '-')],
    ['an en dash for the dash', goNote.replace('\u2014', '\u2013')],
    ['two dashes', goNote.replace('\u2014', '--')],
    ['two blanks', goNote.replace('\u2014 ', '\u2014  ')],
    ['no blank', goNote.replace('\u2014 ', '\u2014')],
    ['a blank behind it', goNote.replace(line, `${line} `)],
    ['a blank before it', goNote.replace(line, ` ${line}`)],
    ['a tab for a blank', goNote.replace('PeterNeumann ', 'PeterNeumann\t')],
    ['no name', goNote.replace('PeterNeumann ', ' ')],
    ['a name with a plus', goNote.replace('PeterNeumann ', 'Peter+Neumann ')],
    ['a name with a no-break space', goNote.replace('PeterNeumann ', 'Peter\u00a0Neumann ')],
    ['a name with an ideographic space', goNote.replace('PeterNeumann ', 'Peter\u3000Neumann ')],
    ['no base64', goNote.replace(base64, '')],
    ['base64 of another alphabet', goNote.replace(base64, base64.replaceAll('/', '_'))],
    ['base64 without its padding', goNote.replace(base64, base64.replace(/=+$/, ''))],
    ['base64 with stray bits', goNote.replace(base64, base64.replace('nAM=', 'nAN='))],
    ['base64 with white space', goNote.replace(base64, `${base64.slice(0, 8)} ${base64.slice(8)}`)],
    ['a signature of four bytes', goNote.replace(base64, short)],
    ['a replacement character', goNote.replace('think', 'th\ufffdnk')],
    ['a hundred and one signatures', goNote + goSignature.repeat(100)],
    ['a megabyte', `${'x'.repeat(1_000_000)}\n\n${goSignature}`],
  ])('refuses one with %s', (_name, note) => {
    expect(reasonOf(() => verifyNote(nodeCrypto, note, known))).toBe('malformed_note');
  });

  it.each([
    ['a byte of its text changed', goNote.replace('think', 'thinK'), 'bad_signature'],
    ['a line more', goNote.replace(goText, `${goText}more\n`), 'bad_signature'],
    [
      'a line less',
      goNote.replace('If you think cryptography is the answer to your problem,\n', ''),
      'bad_signature',
    ],
    ['a byte of its signature changed', goNote.replace(base64, flipped), 'bad_signature'],
    ['another key id', goNote.replace(base64, otherId), 'unknown_key'],
    ['another name', goNote.replace('PeterNeumann ', 'PeterNeuman '), 'unknown_key'],
  ])('refuses one with %s', (_name, note, reason) => {
    expect(reasonOf(() => verifyNote(nodeCrypto, note, known))).toBe(reason);
  });

  it('ignores signatures of unknown keys, and refuses the whole note for a bad one of a known key', () => {
    const [one, two, three] = [testKey(1), testKey(2), testKey(3)];
    const text = 'text\n';
    const note = writeNote(text, [one.sign(text), two.sign(text)]);
    expect(verifyNote(nodeCrypto, note, [two.verifier]).verified).toHaveLength(1);
    expect(reasonOf(() => verifyNote(nodeCrypto, note, [three.verifier]))).toBe('unknown_key');
    const forged = writeNote(text, [one.sign(text), { ...two.sign('other\n') }]);
    expect(reasonOf(() => verifyNote(nodeCrypto, forged, [one.verifier, two.verifier]))).toBe(
      'bad_signature',
    );
    expect(
      verifyNote(
        nodeCrypto,
        writeNote(
          text,
          Array.from({ length: 16 }, () => one.sign(text)),
        ),
        [one.verifier],
      ).verified,
    ).toHaveLength(1);
  });

  it('verifies cosignatures with their time', () => {
    const witness = testKey(4, 'witness.example/w1', cosignatureType);
    const text = 'example.com/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n';
    const note = writeNote(text, [witness.cosign(text, 1_679_315_147)]);
    expect(verifyNote(nodeCrypto, note, [witness.verifier]).verified[0]?.timeSeconds).toBe(1_679_315_147);
    const backdated = witness.cosign(text, 1_679_315_147);
    backdated.signature[7] = 0;
    expect(reasonOf(() => verifyNote(nodeCrypto, writeNote(text, [backdated]), [witness.verifier]))).toBe(
      'bad_signature',
    );
  });

  it.each([
    ['', 'nothing'],
    ['PeterNeumann', 'no id'],
    ['PeterNeumann+c74f20a3', 'no key'],
    [goKey.replace('c74f20a3', 'c74f20a4'), 'another id'],
    [goKey.replace('c74f20a3', 'C74F20A3'), 'upper case'],
    [goKey.replace('+ARpc', '+ARpd'), 'another key'],
    [goKey.replace('+ARpc', '+AhpC'), 'another type'],
    [goKey.replace('Peter', 'Peter '), 'a blank'],
    [`${goKey}AA==`, 'more bytes'],
  ])('refuses the verifier key %j (%s)', (vkey) => {
    expect(reasonOf(() => parseVerifierKey(nodeCrypto, vkey))).toBe('invalid_request');
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(reasonOf(() => verifyNote(nodeCrypto, text, known))).toBe('malformed_note');
      }),
    );
  });
});

describe('checkpoints', () => {
  const root = nodeCrypto.sha256(utf8('root'));
  const checkpoint = { origin: 'example.com/log', size: 20_852_163, root, extensions: [] };
  const text = writeCheckpoint(checkpoint);

  it('are written as they are read', () => {
    expect(parseCheckpoint(text)).toEqual(checkpoint);
    expect(text).toBe(`example.com/log\n20852163\n${toBase64(root)}\n`);
  });

  it.each([
    text.slice(0, -1),
    text.replace('example.com/log', ''),
    text.replace('20852163', '020852163'),
    text.replace('20852163', '-1'),
    text.replace('20852163', '1e3'),
    text.replace('20852163', ' 20852163'),
    text.replace('20852163', '99999999999999999'),
    text.replace(toBase64(root), toBase64(root.slice(1))),
    text.replace(toBase64(root), 'x'),
    `${text}\n`,
    'one line\n',
  ])('%j is none', (broken) => {
    expect(reasonOf(() => parseCheckpoint(broken))).toBe('malformed_checkpoint');
  });
});

describe('proof files', () => {
  const log = testKey(5, 'example.com/log');
  const entry = utf8('the only entry');
  const text = writeCheckpoint({
    origin: 'example.com/log',
    size: 1,
    root: leafHash(nodeCrypto, entry),
    extensions: [],
  });
  const proof = writeTlogProof({
    index: 0,
    hashes: [],
    checkpoint: writeNote(text, [log.sign(text)]),
    extra: utf8('x'),
  });
  const expected = { entry, origin: 'example.com/log', keys: [log.verifier] };

  it('prove their entry', () => {
    expect(verifyTlogProof(nodeCrypto, proof, expected)).toMatchObject({ index: 0, checkpoint: { size: 1 } });
    expect(writeTlogProof(parseTlogProof(proof))).toBe(proof);
  });

  it.each([
    ['another entry', { ...expected, entry: utf8('another') }, 'not_included'],
    ['another log', { ...expected, origin: 'example.com/other' }, 'wrong_origin'],
    ['another key', { ...expected, keys: [testKey(6).verifier] }, 'unknown_key'],
  ])('prove nothing to who expects %s', (_name, other, reason) => {
    expect(reasonOf(() => verifyTlogProof(nodeCrypto, proof, other))).toBe(reason);
  });

  it.each([
    proof.replace('@v1', '@v2'),
    proof.replace('index 0', 'index 00'),
    proof.replace('index 0', 'index -0'),
    proof.replace('index 0\n', ''),
    proof.replace('extra eA==', 'extra x'),
    proof.replace('index 0', 'index 0\nAAAA'),
    proof.replace('\n\n', '\n'),
    '',
  ])('%j is none', (broken) => {
    expect(reasonOf(() => verifyTlogProof(nodeCrypto, broken, expected))).toMatch(/malformed/);
  });
});

describe('canonicalJson', () => {
  it('sorts names by code units and writes no space, as RFC 8785', () => {
    const value = {
      '\u20ac': 1,
      '\r': 2,
      '\u05d3': 3,
      '1': [true, null, 'a"\\\n\u001f'],
      '\ud83d\ude00': 4,
      '\u0080': 5,
      '\u00f6': 6,
    };
    expect(canonicalJson(value)).toBe(
      '{"\\r":2,"1":[true,null,"a\\"\\\\\\n\\u001f"],"\u0080":5,"\u00f6":6,"\u05d3":3,"\u20ac":1,"\ud83d\ude00":4}',
    );
  });

  it.each([0.5, -0, 2 ** 53, Number.NaN, Infinity, '\ud800', undefined as unknown as null])(
    'refuses %p',
    (value) => {
      expect(() => canonicalJson({ value: value as CanonicalValue })).toThrow();
    },
  );

  it('is the same for the same value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger()), (value) => {
        const shuffled = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(shuffled)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(value);
      }),
    );
  });
});
