import type { EventStream } from './event-stream.ts';

/** Tells whether everything that was in the stream when the mark was made has been taken in. */
export type StreamMark = () => Promise<boolean>;

/** Marks where the topics end now. */
export async function markStream(
  stream: Pick<EventStream, 'ends' | 'lagBehind'>,
  { groups, topics }: { readonly groups: readonly string[]; readonly topics: readonly string[] },
): Promise<StreamMark> {
  const ends = await stream.ends(topics);
  return async () => {
    for (const group of groups) if ((await stream.lagBehind(group, ends)) > 0) return false;
    return true;
  };
}
