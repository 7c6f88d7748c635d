import { toHex } from '../bytes.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { type Json, sortedJson, type TamperBench } from './bundle-members.ts';
import type { Tampering } from './tampered-bundles.ts';
import { TestLog } from './test-log.ts';

const leavesOf = (bench: TamperBench) => bench.pick(bench.all('leaves/')).name;
const lastLeaves = (bench: TamperBench) => bench.all('leaves/').at(-1)!.name;
const openingsOf = (bench: TamperBench) => bench.pick(bench.all('openings/')).name;
const isKind = (kind: string) => (value: Json) => value['kind'] === kind;
const isPayload = (value: Json) => 'hash' in value;
const isWhole = (value: Json) => isPayload(value) && !('storedHash' in value) && Number(value['length']) > 0;

function leaf(kind: string, edit: (value: Json) => Json): Tampering['tamper'] {
  return (bench) => bench.line(leavesOf(bench), isKind(kind), edit).signed();
}

function opening(
  isMeant: (value: Json) => boolean,
  edit: (value: Json, bench: TamperBench) => Json,
): Tampering['tamper'] {
  return (bench) => bench.line(openingsOf(bench), isMeant, (value) => edit(value, bench)).signed();
}

/** A leaf that another log has at the same place. */
function foreign(edit: (text: string) => string): Tampering['tamper'] {
  return (bench) => {
    const other = new TestLog({ project: 'p2', seed: bench.seed });
    other.append({ id: 'heartbeat/1', kind: 'heartbeat' });
    return bench
      .lines(lastLeaves(bench), (lines) => [...lines.slice(0, -1), edit(other.leaves[0]!.text)])
      .signed();
  };
}

/** Leaves, their openings and payloads, all under a manifest that the true key has signed again. */
export const tamperedLeaves: Readonly<Record<string, Tampering>> = {
  'the last leaf dropped': {
    reason: 'unexpected_member',
    tamper: (bench) => bench.lines(lastLeaves(bench), (lines) => lines.slice(0, -1)).signed(),
  },
  'the last leaf dropped, and the range with it': {
    reason: 'wrong_size',
    tamper: (bench) => {
      bench.lines(lastLeaves(bench), (lines) => lines.slice(0, -1));
      bench.text('bundle.json', (text) => text.replace(`"end":${bench.end}`, `"end":${bench.end - 1}`));
      return bench.signed({ leaves: bench.end - bench.start - 1 });
    },
  },
  'a leaf dropped from the middle': {
    reason: [
      'unexpected_member',
      'wrong_commitment',
      'wrong_length',
      'opening_without_commitment',
      'wrong_truncation',
    ],
    tamper: (bench) => {
      const at = 2 + Math.floor(bench.random() * 8);
      return bench.lines(leavesOf(bench), (lines) => lines.filter((_, index) => index !== at)).signed();
    },
  },
  'two leaves in another order': {
    reason: 'wrong_end_root',
    tamper: (bench) => bench.lines(lastLeaves(bench), (lines) => [...lines.slice(0, -2), ...lines.slice(-2).reverse()]).signed(), // prettier-ignore
  },
  'a leaf twice': {
    reason: 'duplicate_event',
    tamper: (bench) =>
      bench.lines(lastLeaves(bench), (lines) => [...lines.slice(0, -1), lines.at(-2)!]).signed(),
  },
  'a call twice': {
    reason: 'duplicate_event',
    tamper: (bench) => {
      const call = bench.log.leaves[bench.start + 3]!.text;
      return bench.lines(lastLeaves(bench), (lines) => [...lines.slice(0, -1), call]).signed();
    },
  },
  'a call twice in the log itself': {
    reason: 'duplicate_event',
    tamper: async ({ seed, random }) => {
      const log = new TestLog({ seed });
      for (let count = 0; count < 4; count += 1) log.call();
      const { envelope, openings } = log.leaves[Math.floor(random() * 12)]!;
      log.append({ ...envelope, time: log.now } as never, openings.map((one) => ({ ...one, index: log.size }))); // prettier-ignore
      log.seal();
      return log.bundle();
    },
  },
  'a leaf more': {
    reason: 'wrong_leaf_index',
    tamper: (bench) => {
      const added = sortedJson({
        v: 1,
        project: 'p1',
        id: 'heartbeat/9',
        kind: 'heartbeat',
        time: bench.log.now - 9000,
      });
      return bench.lines(lastLeaves(bench), (lines) => [...lines, added]).signed();
    },
  },
  'a leaf that is made up': {
    reason: 'wrong_end_root',
    tamper: (bench) => {
      const made = sortedJson({
        v: 1,
        project: 'p1',
        id: 'heartbeat/9',
        kind: 'heartbeat',
        time: bench.log.now - 9000,
      });
      return bench.lines(lastLeaves(bench), (lines) => [...lines.slice(0, -1), made]).signed();
    },
  },
  'no leaves in a member': {
    reason: 'wrong_leaf_index',
    tamper: (bench) => bench.text(leavesOf(bench), () => '').signed(),
  },
  'a lower price': {
    reason: 'wrong_end_root',
    tamper: leaf('cost.computed', (value) => ({ ...value, costNanoUsd: '12' })),
  },
  'a call of another time': {
    reason: 'wrong_end_root',
    tamper: leaf('call.completed', (value) => ({ ...value, time: Number(value['time']) - 1 })),
  },
  'a call of another status': {
    reason: 'wrong_end_root',
    tamper: leaf('call.completed', (value) => ({ ...value, status: 200 })),
  },
  'a call that takes another number': {
    reason: 'wrong_end_root',
    tamper: leaf('call.completed', (value) => ({ ...value, seq: Number(value['seq']) + 5000 })),
  },
  'a gap that is hidden': {
    reason: 'wrong_end_root',
    tamper: (bench) =>
      bench.line('leaves/', isKind('capture.gap'), ({ v, project, id, time }) => ({ v, project, id, time, kind: 'heartbeat' })).signed(), // prettier-ignore
  },
  'an erasure of somebody else': {
    reason: 'wrong_end_root',
    tamper: (bench) => {
      const name = bench
        .all('leaves/')
        .find(({ bytes }) => Buffer.from(bytes).includes('payload.erased'))!.name;
      return bench
        .line(name, isKind('payload.erased'), (value) => ({ ...value, buckets: ['bucket-of-ada'] }))
        .signed();
    },
  },
  'a cut answer that looks whole': {
    reason: 'wrong_truncation',
    tamper: (bench) =>
      bench
        .line(
          'leaves/',
          (value) => 'truncated' in value,
          ({ truncated: _, ...rest }) => rest,
        )
        .signed(),
  },
  'a cut answer whose opening looks whole': {
    reason: 'wrong_truncation',
    tamper: (bench) =>
      bench
        .line(
          'openings/',
          (value) => 'storedHash' in value,
          ({ storedHash: _, ...rest }) => rest,
        )
        .signed(),
  },
  'a whole answer whose opening looks cut': {
    reason: 'wrong_truncation',
    tamper: opening(isWhole, (value) => ({ ...value, storedHash: value['hash'], storedLength: 0 })),
  },
  'an envelope that is not canonical': {
    reason: 'malformed_envelope',
    tamper: (bench) => bench.text(leavesOf(bench), (text) => text.replace('{"', '{ "')).signed(),
  },
  'an envelope that is no JSON': {
    reason: 'malformed_envelope',
    tamper: (bench) => bench.lines(leavesOf(bench), (lines) => ['{', ...lines.slice(1)]).signed(),
  },
  'an envelope that is too large': {
    reason: 'malformed_envelope',
    tamper: leaf('cost.computed', (value) => ({ ...value, reason: 'x'.repeat(1100) })),
  },
  'a line that is empty': {
    reason: 'malformed_envelope',
    tamper: (bench) => bench.lines(leavesOf(bench), (lines) => ['', ...lines.slice(1)]).signed(),
  },
  'a last line that does not end': {
    reason: 'malformed_envelope',
    tamper: (bench) => bench.text(leavesOf(bench), (text) => text.slice(0, -1)).signed(),
  },
  'bytes that are no text': {
    reason: 'malformed_envelope',
    tamper: (bench) => {
      const member = bench.member(leavesOf(bench));
      member.bytes[member.bytes.indexOf(0x7b) + 3] = 0xff;
      return bench.signed();
    },
  },
  'a leaf of another project': { reason: 'foreign_leaf', tamper: foreign((text) => text) },
  'a leaf of another project under this name': {
    reason: 'wrong_end_root',
    tamper: foreign((text) => text.replace('"p2"', '"p1"')),
  },
  'a leaf from the far future': {
    reason: 'clock_nonsense',
    tamper: async ({ seed }) => {
      const log = new TestLog({ seed });
      log.now += 300 * 86_400_000;
      log.call();
      log.now -= 300 * 86_400_000;
      log.seal();
      return log.bundle();
    },
  },
  'a payload with a flipped bit': {
    reason: 'wrong_payload',
    tamper: (bench) => {
      const { bytes } = bench.pick(bench.all('payloads/').filter((member) => member.bytes.length > 0));
      bytes[Math.floor(bench.random() * bytes.length)]! ^= 1 << Math.floor(bench.random() * 8);
      return bench.signed();
    },
  },
  'two payloads swapped': {
    reason: ['wrong_payload', 'wrong_length'],
    tamper: (bench) => {
      const [one, two] = bench.all('payloads/').filter(({ bytes }) => bytes.length > 6);
      [one!.bytes, two!.bytes] = [two!.bytes, one!.bytes];
      return bench.signed();
    },
  },
  'a payload cut short': {
    reason: 'wrong_length',
    tamper: (bench) => {
      const member = bench.pick(bench.all('payloads/').filter(({ bytes }) => bytes.length > 0));
      member.bytes = member.bytes.slice(0, -1);
      return bench.signed();
    },
  },
  'a payload of another part': {
    reason: 'unexpected_member',
    tamper: (bench) => {
      const member = bench.pick(bench.all('payloads/'));
      member.name = member.name.endsWith('request') ? member.name.replace('request', 'response') : member.name.replace('response', 'request'); // prettier-ignore
      return bench.signed();
    },
  },
  'another payload with another opening': {
    reason: 'wrong_commitment',
    tamper: (bench) => {
      const name = openingsOf(bench);
      bench.line(name, isWhole, (value) => {
        const payload = Buffer.alloc(Number(value['length']), 'x');
        bench.member(`payloads/${String(value['index']).padStart(16, '0')}.${String(value['part'])}`).bytes =
          payload;
        return { ...value, hash: toHex(nodeCrypto.sha256(payload)) };
      });
      return bench.signed();
    },
  },
  'two openings swapped': {
    reason: ['wrong_commitment', 'wrong_length'],
    tamper: (bench) =>
      bench
        .lines(openingsOf(bench), (lines) => {
          const values = lines.map((line) => JSON.parse(line) as Json);
          const [one, two] = values.flatMap((value, at) => (value['part'] === 'request' ? [at] : []));
          const swapped = (mine: number, other: number) =>
            sortedJson({ ...values[other], index: values[mine]!['index'] });
          [lines[one!], lines[two!]] = [swapped(one!, two!), swapped(two!, one!)];
          return lines;
        })
        .signed(),
  },
  'another salt': {
    reason: 'wrong_commitment',
    tamper: opening(isPayload, (value) => ({ ...value, salt: '00'.repeat(32) })),
  },
  'a short salt': {
    reason: 'malformed_opening',
    tamper: opening(isPayload, (value) => ({ ...value, salt: '00' })),
  },
  'another length': {
    reason: 'wrong_length',
    tamper: opening(isPayload, (value) => ({ ...value, length: Number(value['length']) + 1 })),
  },
  'another kept length': {
    reason: 'wrong_length',
    tamper: opening(isWhole, (value) => ({ ...value, storedLength: Number(value['storedLength']) - 1 })),
  },
  'other metadata of a call': {
    reason: 'wrong_commitment',
    tamper: opening((value) => value['part'] === 'meta', (value) => ({ ...value, text: '{"userId":"mallory"}' })), // prettier-ignore
  },
  'another record of a change': {
    reason: 'wrong_commitment',
    tamper: (bench) => {
      const name = bench.all('openings/').find(({ bytes }) => Buffer.from(bytes).includes('"record"'))!.name;
      return bench.line(name, (value) => value['part'] === 'record', (value) => ({ ...value, text: '{}' })).signed(); // prettier-ignore
    },
  },
  'an opening twice': {
    reason: 'duplicate_opening',
    tamper: (bench) => bench.lines(openingsOf(bench), (lines) => [lines[0]!, ...lines]).signed(),
  },
  'openings in another order': {
    reason: 'openings_out_of_order',
    tamper: (bench) => bench.lines(openingsOf(bench), (lines) => lines.reverse()).signed(),
  },
  'an opening of a leaf that is committed to nothing': {
    reason: 'opening_without_commitment',
    tamper: (bench) =>
      bench.lines(bench.all('openings/')[0]!.name, (lines) => [...lines, sortedJson({ index: bench.start + 14, part: 'record', salt: '00'.repeat(32), text: '{}' })].sort((a, b) => indexOf(a) - indexOf(b))).signed(), // prettier-ignore
  },
  'an opening of a leaf elsewhere': {
    reason: 'opening_without_leaf',
    tamper: (bench) =>
      bench.lines(openingsOf(bench), (lines) => [...lines, sortedJson({ index: bench.end + 3, part: 'record', salt: '00'.repeat(32), text: '{}' })]).signed(), // prettier-ignore
  },
  'an opening of an unknown part': {
    reason: 'malformed_opening',
    tamper: opening((value) => value['part'] === 'meta', (value) => ({ ...value, part: '__proto__' })), // prettier-ignore
  },
  'an opening that is not canonical': {
    reason: 'malformed_opening',
    tamper: (bench) => bench.text(openingsOf(bench), (text) => text.replace(',', ', ')).signed(),
  },
  'a payload left out with its opening': {
    reason: 'missing',
    tamper: (bench) => {
      const { name } = bench.pick(bench.all('payloads/'));
      const [, index, part] = /(\d+)\.(\w+)$/.exec(name)!;
      bench.remove(name);
      for (const member of bench.all('openings/'))
        bench.lines(member.name, (lines) => lines.filter((line) => !(indexOf(line) === Number(index) && line.includes(`"part":"${part!}"`)))); // prettier-ignore
      return bench.signed();
    },
  },
};

function indexOf(line: string): number {
  return Number((JSON.parse(line) as Json)['index']);
}
