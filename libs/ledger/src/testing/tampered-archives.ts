import type { Tampering } from './tampered-bundles.ts';
import { archiveOf, type EditedMember, patchedHeader, type TamperBench } from './bundle-members.ts';

const typeAt = 156;

function withHeader(bench: TamperBench, at: number, text: string): TamperBench {
  const member = bench.pick(bench.members.filter(({ name }) => name !== 'manifest.note'));
  member.header = patchedHeader(member, at, text);
  return bench;
}

/** A link or a device has no bytes of its own. */
function special(type: string, linkName = ''): Tampering['tamper'] {
  return (bench) => {
    const added: EditedMember = {
      name: bench.pick(['payloads/link', 'leaves/x', 'keys.txt']),
      bytes: new Uint8Array(),
    };
    const header = patchedHeader(added, typeAt, type + linkName);
    bench.insertAfter(bench.pick(bench.members.slice(0, -1)).name, { ...added, header });
    return bench.signed();
  };
}

function named(name: string): Tampering['tamper'] {
  return (bench) => {
    bench.insertAfter(bench.pick(bench.members.slice(0, -1)).name, { name, bytes: Buffer.from('x') });
    return bench.signed();
  };
}

/** What is wrong with the archive itself; signed again by the true key wherever that can be. */
export const tamperedArchives: Readonly<Record<string, Tampering>> = {
  'a path that climbs': { reason: 'unsafe_name', tamper: named('../../etc/cron.d/x') },
  'a path that climbs later': { reason: 'unsafe_name', tamper: named('payloads/../../x') },
  'an absolute path': { reason: 'unsafe_name', tamper: named('/etc/passwd') },
  'a path of Windows': { reason: 'unsafe_name', tamper: named('payloads\\..\\x') },
  'a name with spaces': { reason: 'unsafe_name', tamper: named('payloads/a b') },
  'a symbolic link': { reason: 'not_a_regular_file', tamper: special('2', '/etc/passwd') },
  'a hard link': { reason: 'not_a_regular_file', tamper: special('1', 'bundle.json') },
  'a directory': { reason: 'not_a_regular_file', tamper: special('5') },
  'a character device': { reason: 'not_a_regular_file', tamper: special('3') },
  'a block device': { reason: 'not_a_regular_file', tamper: special('4') },
  'a pipe': { reason: 'not_a_regular_file', tamper: special('6') },
  'a pax header': { reason: 'not_a_regular_file', tamper: special('x') },
  'a global pax header': { reason: 'not_a_regular_file', tamper: special('g') },
  'a long name of GNU': { reason: 'not_a_regular_file', tamper: special('L') },
  'another mode': {
    reason: 'header_not_canonical',
    tamper: (bench) => withHeader(bench, 100, '0000755').signed(),
  },
  'an owner': {
    reason: 'header_not_canonical',
    tamper: (bench) => withHeader(bench, 108, '0000001').signed(),
  },
  'a time': {
    reason: 'header_not_canonical',
    tamper: (bench) => withHeader(bench, 136, '00000000001').signed(),
  },
  'a name of an owner': {
    reason: 'header_not_canonical',
    tamper: (bench) => withHeader(bench, 265, 'root').signed(),
  },
  'a prefix': { reason: 'header_not_canonical', tamper: (bench) => withHeader(bench, 345, '..').signed() },
  'bytes after a name': {
    reason: 'header_not_canonical',
    tamper: (bench) => withHeader(bench, 99, 'x').signed(),
  },
  'a size in base 256': {
    reason: 'header_not_canonical',
    tamper: (bench) => withHeader(bench, 124, '\u0000\u0000\u0000\u0001').signed(),
  },
  'a checksum that is wrong': {
    reason: 'bad_header_checksum',
    tamper: (bench) => {
      const member = bench.pick(bench.members);
      member.header = patchedHeader(member, 0, member.name);
      member.header.set(Buffer.from('0'), 153);
      if (member.header[152] === 0x30) member.header[152] = 0x31;
      member.header[151] = member.header[151] === 0x30 ? 0x31 : 0x30;
      return bench.raw();
    },
  },
  'a huge member': {
    reason: 'too_large',
    tamper: (bench) => {
      const member = bench.pick(bench.members.filter(({ name }) => !/payloads|manifest/.test(name)));
      member.header = patchedHeader(member, 124, '77777777777');
      return bench.signed();
    },
  },
  'a huge payload': {
    reason: 'wrong_length',
    tamper: (bench) => {
      const member = bench.pick(bench.all('payloads/'));
      member.header = patchedHeader(member, 124, '77777777777');
      return bench.signed();
    },
  },
  'a tail cut anywhere': {
    reason: 'cut_short',
    tamper: (bench) => bench.original.subarray(0, Math.floor(bench.random() * bench.original.length)),
  },
  'the last zero block cut': { reason: 'cut_short', tamper: (bench) => bench.original.subarray(0, -512) },
  'nothing at all': { reason: 'cut_short', tamper: () => new Uint8Array() },
  'garbage at the end': {
    reason: 'trailing_bytes',
    tamper: (bench) =>
      Buffer.concat([bench.original, Buffer.from('x'.repeat(1 + Math.floor(bench.random() * 2000)))]),
  },
  'more zeros at the end': {
    reason: 'trailing_bytes',
    tamper: (bench) => Buffer.concat([bench.original, new Uint8Array(512)]),
  },
  'a second archive': {
    reason: 'trailing_bytes',
    tamper: (bench) => Buffer.concat([bench.original, bench.original]),
  },
  'a block in the trailer that is not zero': {
    reason: 'trailing_bytes',
    tamper: (bench) => {
      const bytes = Uint8Array.from(bench.original);
      bytes[bytes.length - 1 - Math.floor(bench.random() * 512)] = 1;
      return bytes;
    },
  },
  'padding that is not zero': {
    reason: 'nonzero_padding',
    tamper: (bench) => {
      const member = bench.pick(
        bench.members.filter(({ name, bytes }) => name !== 'manifest.note' && bytes.length % 512 > 0),
      );
      member.padding = new Uint8Array(512 - (member.bytes.length % 512)).fill(1);
      return bench.signed();
    },
  },
  'a member twice': {
    reason: 'unexpected_member',
    tamper: (bench) => {
      const member = bench.pick(bench.members.slice(0, -1));
      return bench.insertAfter(member.name, { ...member }).signed();
    },
  },
  'a member missing': {
    reason: 'unexpected_member',
    tamper: (bench) => {
      const { name } = bench.pick(bench.members.filter((member) => !/openings|manifest/.test(member.name)));
      return bench.remove(name).signed();
    },
  },
  'members in another order': {
    reason: 'unexpected_member',
    tamper: (bench) => {
      const at = 1 + Math.floor(bench.random() * (bench.members.length - 3));
      bench.members.splice(at - 1, 2, bench.members[at]!, bench.members[at - 1]!);
      return bench.signed();
    },
  },
  'a member that nothing knows': { reason: 'unexpected_member', tamper: named('payloads/extra') },
  'a member after the manifest': {
    reason: 'unexpected_member',
    tamper: (bench) => archiveOf([...bench.members, { name: 'more.txt', bytes: Buffer.from('x') }]),
  },
  'no manifest': { reason: 'unexpected_member', tamper: (bench) => bench.remove('manifest.note').raw() },
};
