import { type BundleMeta, readMeta, writeManifest } from '../bundle/bundle-format.ts';
import type { VerifyBundleOptions } from '../bundle/verify-bundle.ts';
import { blockBytes, paddingOf, readHeader, tarHeader, trailerBytes } from '../bundle/tar-format.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { randomOf, type TestLog, variedLog } from './test-log.ts';

export interface EditedMember {
  name: string;
  bytes: Uint8Array;
  /** In place of what name and size say. */
  header?: Uint8Array;
  padding?: Uint8Array;
}

/** A bundle, and who may be tricked with it. */
export interface Attempt {
  readonly bundle: Uint8Array;
  readonly options?: Partial<VerifyBundleOptions>;
}

/** A good bundle to be tampered with: its members, edited in place. */
export class TamperBench {
  readonly log: TestLog;
  readonly start: number;
  readonly end: number;
  readonly original: Uint8Array;
  readonly random: () => number;
  readonly seed: number;
  members: EditedMember[];

  constructor(seed: number, good: GoodBundle) {
    ({ log: this.log, start: this.start, end: this.end, bundle: this.original } = good);
    this.seed = seed;
    this.random = randomOf(seed + 1000);
    this.members = membersOf(this.original);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)]!;
  }

  member(name: string): EditedMember {
    return this.members.find((member) => member.name.startsWith(name))!;
  }

  all(prefix: string): EditedMember[] {
    return this.members.filter(({ name }) => name.startsWith(prefix));
  }

  text(name: string, edit: (text: string) => string): this {
    const member = this.member(name);
    member.bytes = Buffer.from(edit(Buffer.from(member.bytes).toString()));
    return this;
  }

  lines(name: string, edit: (lines: string[]) => string[]): this {
    const ended = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
    return this.text(name, (text) => ended(edit(text.split('\n').slice(0, -1))));
  }

  /** Edits one line that is such an object, and writes it in canonical form. */
  line(name: string, isMeant: (value: Json) => boolean, edit: (value: Json) => Json): this {
    return this.lines(name, (lines) => {
      const at = lines.findIndex((line) => isMeant(JSON.parse(line) as Json));
      if (at < 0) throw new Error(`no such line in ${name}`);
      lines[at] = sortedJson(edit(JSON.parse(lines[at]!) as Json));
      return lines;
    });
  }

  remove(name: string): this {
    this.members.splice(this.members.indexOf(this.member(name)), 1);
    return this;
  }

  insertAfter(name: string, member: EditedMember): this {
    this.members.splice(this.members.indexOf(this.member(name)) + 1, 0, member);
    return this;
  }

  /** As one makes it who has no key. */
  raw(): Uint8Array {
    return archiveOf(this.members);
  }

  /** As one makes it who has the key of the deployment. */
  signed(lie: Partial<Parameters<typeof writeManifest>[0]> = {}): Uint8Array {
    const members = this.members.filter(({ name }) => name !== 'manifest.note');
    const before = archiveOf(members).subarray(0, -trailerBytes);
    const text = writeManifest({
      ...{ origin: this.log.origin, bytes: before.length, hash: nodeCrypto.sha256(before) },
      ...{ leaves: this.end - this.start, payloads: this.all('payloads/').length },
      ...lie,
    });
    return archiveOf([...members, { name: 'manifest.note', bytes: Buffer.from(this.log.key.note(text)) }]);
  }

  get meta(): BundleMeta {
    return readMeta(Buffer.from(this.member('bundle.json').bytes).toString());
  }
}

export type Json = Readonly<Record<string, unknown>>;

export function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sortedJson(member)}`).join()}}`;
}

export interface GoodBundle {
  readonly log: TestLog;
  readonly start: number;
  readonly end: number;
  readonly bundle: Uint8Array;
}

/** In two chunks. */
export async function goodBundle(seed: number): Promise<GoodBundle> {
  const { log, start, end } = variedLog(seed, { calls: 10 });
  return { log, start, end, bundle: await log.bundle({ start, end, chunkLeaves: 20 }) };
}

export function membersOf(bundle: Uint8Array): EditedMember[] {
  const members: EditedMember[] = [];
  for (let at = 0; bundle[at] !== 0;) {
    const { name, size } = readHeader(bundle.subarray(at, at + blockBytes));
    at += blockBytes;
    members.push({ name: name!, bytes: Uint8Array.from(bundle.subarray(at, at + size!)) });
    at += size! + paddingOf(size!);
  }
  return members;
}

export function archiveOf(members: readonly EditedMember[]): Uint8Array {
  const pieces = members.flatMap(({ name, bytes, header, padding }) => [
    header ?? tarHeader(name, bytes.length),
    bytes,
    padding ?? new Uint8Array(paddingOf(bytes.length)),
  ]);
  return Buffer.concat([...pieces, new Uint8Array(trailerBytes)]);
}

/** A header with some bytes put in, and the checksum made right. */
export function patchedHeader({ name, bytes }: EditedMember, at: number, text: string): Uint8Array {
  const header = tarHeader(name, bytes.length);
  header.set(Buffer.from(text), at);
  header.set(Buffer.from(' '.repeat(8)), 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\u0000 `), 148);
  return header;
}
