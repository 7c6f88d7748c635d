import { writeCheckpoint } from '../checkpoint.ts';
import { parsePolicy } from '../bundle/bundle-policy.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { cosignatureType } from '../signed-note.ts';
import { type Json, sortedJson, type TamperBench } from './bundle-members.ts';
import type { Tampering } from './tampered-bundles.ts';
import { randomOf, TestKey, TestLog, variedLog } from './test-log.ts';

/** A checkpoint that the true key has signed, with some of it changed. */
function resealed(
  name: string,
  change: { size?: number; origin?: string; extensions?: string[]; flip?: boolean },
): Tampering['tamper'] {
  return (bench) => {
    const { log } = bench;
    const size = name === 'start' ? bench.start : name === 'end' ? bench.end : log.size;
    const { root, sealedAt } = log.checkpoints.get(size)!;
    const extensions = [`sealed ${new Date(sealedAt).toISOString()}`];
    const other = change.flip === true ? root.map((byte, at) => (at === 0 ? byte ^ 1 : byte)) : root;
    const { flip: _, ...rest } = change;
    const text = writeCheckpoint({ origin: log.origin, size, root: other, extensions, ...rest });
    bench.member(`checkpoints/${name}`).bytes = Buffer.from(log.key.note(text));
    return bench.signed();
  };
}

function meta(change: (meta: Json, bench: TamperBench) => Json): Tampering['tamper'] {
  return (bench) => {
    bench.text('bundle.json', (text) => sortedJson(change(JSON.parse(text) as Json, bench)));
    return bench.signed();
  };
}

function tombstone(
  isMeant: (value: Json) => boolean,
  edit: (value: Json, bench: TamperBench) => Json,
): Tampering['tamper'] {
  return (bench) => bench.line('tombstones', isMeant, (value) => edit(value, bench)).signed();
}
const anyTombstone = () => true;

/** The same log up to a leaf, which is another one; signed by the same key. */
function forkOf({ seed, log }: TamperBench, from: number): TestLog {
  const fork = new TestLog({ seed });
  for (const { envelope, openings } of log.leaves.slice(0, from)) fork.append(envelope, openings);
  fork.now = log.leaves[from - 1]!.envelope.time + 1000;
  return fork;
}

const witness = new TestKey('witness.example/w1', '', cosignatureType);
const policyText = JSON.stringify({ witnesses: [witness.vkey], quorum: 1 });
const policyOf = () => parsePolicy(nodeCrypto, policyText);
const dayMs = 86_400_000;

/** Checkpoints, proofs, keys, tombstones, and what the bundle says of itself. */
export const tamperedProofs: Readonly<Record<string, Tampering>> = {
  'an old checkpoint again': {
    reason: 'wrong_size',
    tamper: (bench) => {
      bench.member('checkpoints/end').bytes = bench.member('checkpoints/start').bytes;
      return bench.signed();
    },
  },
  'an old checkpoint as the newest': {
    reason: 'wrong_size',
    tamper: (bench) => {
      bench.member('checkpoints/newest').bytes = bench.member('checkpoints/end').bytes;
      return bench.signed();
    },
  },
  'a checkpoint of another project': {
    reason: 'wrong_origin',
    tamper: resealed('end', { origin: 'loom.example/ledger/p2' }),
  },
  'a start with another root': { reason: 'wrong_start_root', tamper: resealed('start', { flip: true }) },
  'an end with another root': { reason: 'inconsistent', tamper: resealed('end', { flip: true }) },
  'a newest head with another root': { reason: 'inconsistent', tamper: resealed('newest', { flip: true }) },
  'a checkpoint that does not say when': {
    reason: 'malformed_checkpoint',
    tamper: resealed('end', { extensions: [] }),
  },
  'a checkpoint that says when twice': {
    reason: 'malformed_checkpoint',
    tamper: resealed('end', {
      extensions: ['sealed 2026-11-20T00:00:00.000Z', 'sealed 2026-11-21T00:00:00.000Z'],
    }),
  },
  'a time that is none': {
    reason: 'malformed_checkpoint',
    tamper: resealed('end', { extensions: ['sealed 2026-02-30T00:00:00.000Z'] }),
  },
  'a head that was sealed before an older one': {
    reason: 'clock_nonsense',
    tamper: resealed('newest', { extensions: ['sealed 2020-01-01T00:00:00.000Z'] }),
  },
  'a head from the far future': {
    reason: 'clock_nonsense',
    tamper: resealed('newest', { extensions: ['sealed 2099-01-01T00:00:00.000Z'] }),
  },
  'all of it from the far future': {
    reason: 'clock_nonsense',
    tamper: ({ original, log }) => ({ bundle: original, options: { nowMs: log.now - 3 * dayMs } }),
  },
  'a note without signatures': {
    reason: 'malformed_note',
    tamper: (bench) =>
      bench.text('checkpoints/end', (note) => note.slice(0, note.lastIndexOf('\n\n') + 2)).signed(),
  },
  'a note whose text was changed': {
    reason: 'bad_signature',
    tamper: (bench) =>
      bench
        .text('checkpoints/end', (note) => note.replace(`\n${bench.end}\n`, `\n${bench.end + 1}\n`))
        .signed(),
  },
  'a key that nobody trusts': {
    reason: 'unknown_key',
    tamper: async ({ seed }) => {
      const { log, start, end } = variedLog(seed, {
        calls: 6,
        key: new TestKey('loom.example', 'of somebody else'),
      });
      return log.bundle({ start, end });
    },
  },
  'a key of another deployment': {
    reason: 'unknown_key',
    tamper: async ({ seed, log: { key } }) => {
      const stranger = new TestKey('stranger.example');
      const { log, start, end } = variedLog(seed, { calls: 6, key: stranger });
      return { bundle: await log.bundle({ start, end }), options: { keys: [key.verifier] } };
    },
  },
  'a trusted key that signs for another deployment': {
    reason: 'unknown_key',
    tamper: (bench) => {
      const other = new TestKey('other.example');
      const end = bench.log.checkpoints.get(bench.end)!;
      const text = end.note.slice(0, end.note.lastIndexOf('\n\n') + 1);
      bench.member('checkpoints/end').bytes = Buffer.from(other.note(text));
      return { bundle: bench.signed(), options: { keys: [bench.log.key.verifier, other.verifier] } };
    },
  },
  'a manifest of a key that nobody trusts': {
    reason: 'unknown_key',
    tamper: (bench) => {
      bench.member('manifest.note').bytes = Buffer.from(
        new TestKey('loom.example', 'x').note('loom/bundle/v1\n'),
      );
      return bench.raw();
    },
  },
  'several keys, one of them false': {
    reason: 'bad_signature',
    tamper: (bench) => {
      const text = bench.text.bind(bench);
      const stranger = new TestKey('loom.example', 'x');
      text('manifest.note', (note) => {
        const body = note.slice(0, note.lastIndexOf('\n\n') + 1);
        const lied = body.replace(/\n\d+\n$/, '\n0\n');
        return `${stranger.note(lied)}${note.slice(note.lastIndexOf('\n\n') + 2)}`;
      });
      return bench.raw();
    },
  },
  'only a witness that signed': {
    reason: 'unknown_key',
    tamper: (bench) => {
      const { note } = bench.log.checkpoints.get(bench.end)!;
      bench.member('checkpoints/end').bytes = Buffer.from(
        witness.note(note.slice(0, note.lastIndexOf('\n\n') + 1)),
      );
      return { bundle: bench.signed(), options: { keys: [bench.log.key.verifier, witness.verifier] } };
    },
  },
  'no witness where one is asked for': {
    reason: 'quorum_not_met',
    tamper: ({ original }) => ({ bundle: original, options: { policy: policyOf() } }),
  },
  'a witness that signed another head': {
    reason: 'bad_signature',
    tamper: async ({ seed }) => {
      const log = new TestLog({ seed, witnesses: [witness] });
      log.call();
      log.seal();
      const { note } = log.checkpoints.get(3)!;
      const lines = note.split('\n');
      const other = witness.note('loom.example/ledger/p1\n1\nAAAA\n').split('\n').at(-2)!;
      lines[lines.length - 2] = other;
      log.checkpoints.set(3, { ...log.checkpoints.get(3)!, note: lines.join('\n') });
      return { bundle: await log.bundle(), options: { policy: policyOf() } };
    },
  },
  'a fork of what the auditor has seen': {
    reason: 'fork',
    tamper: async (bench) => {
      const fork = forkOf(bench, bench.end - 4);
      const seen = bench.log.checkpoints.get(bench.end)!.note;
      while (fork.size < bench.end) fork.append({ id: `heartbeat/${fork.size}`, kind: 'heartbeat' });
      fork.now = bench.log.now;
      fork.seal();
      fork.call();
      fork.seal();
      const end = bench.random() < 0.5 ? fork.size : bench.end;
      return { bundle: await fork.bundle({ end }), options: { prior: seen } };
    },
  },
  'a fork before its beginning': {
    reason: 'fork',
    tamper: async (bench) => {
      const fork = forkOf(bench, bench.start - 1);
      fork.append({ id: 'heartbeat/x', kind: 'heartbeat' });
      fork.seal();
      fork.call();
      fork.seal();
      const prior = bench.log.checkpoints.get(bench.start)!.note;
      return { bundle: await fork.bundle({ start: bench.start }), options: { prior } };
    },
  },
  'a log that became shorter': {
    reason: 'rollback',
    tamper: async (bench) => {
      const rolled = forkOf(bench, bench.end - 3);
      rolled.now = bench.log.now + 1000;
      rolled.seal();
      return {
        bundle: await rolled.bundle(),
        options: { prior: bench.log.checkpoints.get(bench.end)!.note },
      };
    },
  },
  'a log that grew and was sealed earlier': {
    reason: 'clock_nonsense',
    tamper: async (bench) => {
      const seen = bench.log.checkpoints.get(bench.start)!;
      const text = seen.note.slice(0, seen.note.lastIndexOf('\n\n') + 1);
      const later = text.replace(/sealed .*/, `sealed ${new Date(bench.log.now + dayMs).toISOString()}`);
      return Promise.resolve({ bundle: bench.original, options: { prior: bench.log.key.note(later) } });
    },
  },
  'a prior that the bundle does not reach': {
    reason: 'prior_not_covered',
    tamper: async (bench) => {
      bench.log.seal();
      const prior = bench.log.seal().note.replace(/^(.*)\n\d+\n/, `$1\n${bench.log.size + 5}\n`);
      const text = prior.slice(0, prior.lastIndexOf('\n\n') + 1);
      return Promise.resolve({ bundle: bench.original, options: { prior: bench.log.key.note(text) } });
    },
  },
  'a prior of another log': {
    reason: 'prior_of_another_log',
    tamper: ({ original, log: { key }, seed }) => {
      const other = new TestLog({ seed, project: 'p2', key });
      other.call();
      return { bundle: original, options: { prior: other.seal().note } };
    },
  },
  'a prior of an unknown key': {
    reason: 'unknown_key',
    tamper: ({ original, seed }) => {
      const other = new TestLog({ seed, key: new TestKey('loom.example', 'x') });
      other.call();
      return { bundle: original, options: { prior: other.seal().note } };
    },
  },
  'a prior that was changed': {
    reason: 'malformed_prior',
    tamper: ({ original, log, start }) => ({ bundle: original, options: { prior: log.checkpoints.get(start)!.note.replace('sealed 2', 'sealed 1') } }), // prettier-ignore
  },
  'another edge': {
    reason: 'wrong_start_root',
    tamper: (bench) => bench.text('edge.json', (text) => text.replace(/("edge":\[")(..)/, (_, head: string, byte: string) => head + (byte === '00' ? '01' : '00'))).signed(), // prettier-ignore
  },
  'an edge of another size': {
    reason: 'malformed_edge',
    tamper: (bench) => bench.text('edge.json', (text) => text.replace('"edge":["', `"edge":["${'0'.repeat(64)}","`)).signed(), // prettier-ignore
  },
  'another proof of consistency': {
    reason: 'inconsistent',
    tamper: (bench) => bench.text('edge.json', (text) => text.replace(/("consistency":\[")(..)/, (_, head: string, byte: string) => head + (byte === '00' ? '01' : '00'))).signed(), // prettier-ignore
  },
  'no proof of consistency': {
    reason: 'inconsistent',
    tamper: (bench) => bench.text('edge.json', (text) => text.replace(/"consistency":\[.*?\]/, '"consistency":[]')).signed(), // prettier-ignore
  },
  'tombstones taken out': {
    reason: 'missing',
    tamper: (bench) => bench.text('tombstones', () => '').signed(),
  },
  'no tombstones': { reason: 'unexpected_member', tamper: (bench) => bench.remove('tombstones').signed() },
  'a tombstone of another person': {
    reason: 'wrong_tombstone',
    tamper: tombstone((value) => String(value['envelope']).includes('bucket-of'), (value) => ({ ...value, envelope: String(value['envelope']).replace('bucket-of-eve', 'bucket-of-ada') })), // prettier-ignore
  },
  'a run of retention that went further': {
    reason: 'wrong_tombstone',
    tamper: tombstone((value) => String(value['envelope']).includes('retention.run'), (value) => ({ ...value, envelope: String(value['envelope']).replace(/("contentBefore":)\d+/, '$11790000000001') })), // prettier-ignore
  },
  'a tombstone that is made up': {
    reason: 'wrong_tombstone',
    tamper: (bench) => bench.lines('tombstones', (lines) => {
        const last = JSON.parse(lines.at(-1)!) as Json;
        const envelope = sortedJson({ v: 1, project: 'p1', id: 'erasure/x', kind: 'payload.erased', time: bench.log.now - 9000, buckets: ['bucket-of-ada'] });
        return [...lines, sortedJson({ ...last, index: bench.log.size - 1, envelope })];
      }).signed(), // prettier-ignore
  },
  'a tombstone that is made up and older than the bundle': {
    reason: 'wrong_tombstone',
    tamper: (bench) => bench.lines('tombstones', (lines) => {
        const last = JSON.parse(lines.at(-1)!) as Json;
        const envelope = sortedJson({ v: 1, project: 'p1', id: 'erasure/x', kind: 'payload.erased', time: bench.log.now - 9000, buckets: ['bucket-of-ada'] });
        return [sortedJson({ ...last, index: bench.start - 1, envelope }), ...lines];
      }).signed(), // prettier-ignore
  },
  'a tombstone of another place': { reason: 'wrong_tombstone', tamper: tombstone(anyTombstone, (value) => ({ ...value, index: Number(value['index']) - 1 })) }, // prettier-ignore
  'a tombstone of a leaf of the bundle': { reason: 'wrong_tombstone', tamper: tombstone(anyTombstone, (value, { start }) => ({ ...value, index: start + 1 })) }, // prettier-ignore
  'a tombstone without its proof': { reason: 'wrong_tombstone', tamper: tombstone(anyTombstone, (value) => ({ ...value, proof: [] })) }, // prettier-ignore
  'a tombstone twice': { reason: 'wrong_tombstone', tamper: (bench) => bench.lines('tombstones', (lines) => [lines[0]!, ...lines]).signed() }, // prettier-ignore
  'a call as a tombstone': {
    reason: 'wrong_tombstone',
    tamper: tombstone(anyTombstone, (value, { log, end }) => ({ ...value, index: end, envelope: log.leaves[end]!.text })), // prettier-ignore
  },
  'a tombstone of another project': {
    reason: 'foreign_leaf',
    tamper: tombstone(anyTombstone, (value) => ({ ...value, envelope: String(value['envelope']).replace('"p1"', '"p2"') })), // prettier-ignore
  },
  'a tombstone that is no envelope': { reason: 'malformed_envelope', tamper: tombstone(anyTombstone, (value) => ({ ...value, envelope: '{}' })) }, // prettier-ignore
  'a tombstone that is not canonical': { reason: 'malformed_tombstone', tamper: (bench) => bench.text('tombstones', (text) => text.replace('{', '{ ')).signed() }, // prettier-ignore
  'JSON that is not canonical': { reason: 'malformed_bundle', tamper: (bench) => bench.text('bundle.json', (text) => `${text} `).signed() }, // prettier-ignore
  'another member of the JSON': {
    reason: 'malformed_bundle',
    tamper: meta((value) => ({ ...value, more: 1 })),
  },
  'another version': { reason: 'malformed_bundle', tamper: meta((value) => ({ ...value, v: 2 })) },
  'a time that is not whole': {
    reason: 'malformed_bundle',
    tamper: meta((value) => ({ ...value, from: 1.5 })),
  },
  'a period that ends before it begins': { reason: 'malformed_bundle', tamper: meta((value) => ({ ...value, from: Number(value['to']) + 1 })) }, // prettier-ignore
  'a range that ends before it begins': { reason: 'malformed_bundle', tamper: meta((value) => ({ ...value, start: Number(value['end']) + 1 })) }, // prettier-ignore
  'a period in the far future': { reason: 'clock_nonsense', tamper: meta((value) => ({ ...value, to: Number(value['to']) + 9 * dayMs })) }, // prettier-ignore
  'a bundle made before it was sealed': { reason: 'clock_nonsense', tamper: meta((value) => ({ ...value, from: 0, to: 1, createdAt: 2 })) }, // prettier-ignore
  'another origin': { reason: ['unknown_key', 'wrong_origin'], tamper: meta((value) => ({ ...value, origin: 'loom.example/ledger/p2' })) }, // prettier-ignore
  'another project': { reason: 'wrong_origin', tamper: meta((value) => ({ ...value, project: 'p2' })) },
  'another project and origin': { reason: 'wrong_origin', tamper: meta((value) => ({ ...value, project: 'p2', origin: 'loom.example/ledger/p2' })) }, // prettier-ignore
  'the newest head left out': {
    reason: 'inconsistent',
    tamper: (bench) => {
      bench.remove('checkpoints/newest');
      return meta((value) => ({ ...value, size: value['end'] }))(bench);
    },
  },
  'a longer period than its leaves cover': { reason: 'period', tamper: meta((value) => ({ ...value, from: Number(value['from']) - 10 })) }, // prettier-ignore
  'a period that goes on after its leaves': { reason: 'period', tamper: meta((value) => ({ ...value, to: Number(value['to']) + 10 })) }, // prettier-ignore
  'other keys for people, unsigned': { reason: 'wrong_hash', tamper: (bench) => bench.text('keys.txt', (text) => text.replace('l', 'm')).raw() }, // prettier-ignore
  'a manifest that counts leaves wrongly': { reason: 'wrong_leaf_count', tamper: (bench) => bench.signed({ leaves: bench.end - bench.start - 1 }) }, // prettier-ignore
  'a manifest that counts payloads wrongly': { reason: 'wrong_payload_count', tamper: (bench) => bench.signed({ payloads: 1 }) }, // prettier-ignore
  'a manifest of other bytes': {
    reason: 'wrong_hash',
    tamper: (bench) => bench.signed({ hash: new Uint8Array(32) }),
  },
  'a manifest of another length': {
    reason: 'wrong_byte_count',
    tamper: (bench) => bench.signed({ bytes: 512 }),
  },
  'a manifest of another log': { reason: 'wrong_origin', tamper: (bench) => bench.signed({ origin: 'loom.example/ledger/p2' }) }, // prettier-ignore
  'a manifest of another bundle': {
    reason: ['wrong_byte_count', 'wrong_hash'],
    tamper: async (bench) => {
      const other = await bench.log.bundle({ end: bench.end });
      const at = Buffer.from(other).lastIndexOf('loom/bundle/v1');
      const note = Buffer.from(other).subarray(at).toString();
      bench.member('manifest.note').bytes = Buffer.from(note.slice(0, note.indexOf('\u0000')));
      return bench.raw();
    },
  },
  'a checkpoint as a manifest': {
    reason: 'malformed_manifest',
    tamper: (bench) => {
      bench.member('manifest.note').bytes = bench.member('checkpoints/end').bytes;
      return bench.raw();
    },
  },
  'an open gap': {
    reason: 'gap',
    tamper: async ({ seed }) => {
      const log = new TestLog({ seed });
      const random = randomOf(seed);
      log.call();
      const first = 100 + Math.floor(random() * 10);
      log.gap(first, first + 2);
      log.fill(first + 1);
      log.seal();
      return log.bundle();
    },
  },
};
