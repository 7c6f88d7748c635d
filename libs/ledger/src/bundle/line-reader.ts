import { concat, textOf } from '../bytes.ts';
import type { BundleReader, Member } from './bundle-reader.ts';
import { limits } from './bundle-format.ts';
import { at, type BundlePlace, type BundleReason, refusal } from './bundle-refusal.ts';

const newline = 0x0a;

/** The lines of a member, one at a time; each ends with a newline and none is empty. Refuses with `reason` else. */
export async function* readLines(
  reader: BundleReader,
  member: Member,
  reason: BundleReason,
): AsyncGenerator<{ readonly text: string; readonly place: BundlePlace }, void, undefined> {
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  let line = 1;
  const place = () => ({ member: member.name, offset: member.offset, line });
  for await (const piece of reader.bytes(member)) {
    let start = 0;
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
      const bytes = concat(...kept, piece.subarray(start, end));
      if (bytes.length === 0) throw refusal(reason, place(), 'the line is empty');
      yield { text: at(place(), reason, () => textOf(bytes)), place: place() };
      [kept, keptBytes, start] = [[], 0, end + 1];
      line += 1;
    }
    if (start < piece.length) kept.push(piece.subarray(start));
    keptBytes += piece.length - start;
    if (keptBytes > limits.lineBytes)
      throw refusal('too_large', place(), `a line of more than ${limits.lineBytes} bytes`);
  }
  if (keptBytes > 0) throw refusal(reason, place(), 'its last line does not end');
}
