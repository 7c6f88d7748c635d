import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { StreamRecord } from '../../event-stream.ts';
import { decodeFrame, frameAt, frameBytesNeeded } from './frame.ts';
import { closedFile, exists, listSegments, segmentPath } from './layout.ts';

const windowBytes = 1024 * 1024;
/** How often a reader at the end looks for a next segment or the writer's end; growth is seen at every read. */
const lookMs = 200;

export interface ReadLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Read no record at or after this offset. */
  readonly endOffset?: number;
}

/** Reads a partition forward, also while it is being written, in this process or another. Not safe for two readers at once. */
export class PartitionReader {
  readonly topic: string;
  readonly partition: string;
  readonly #directory: string;
  #segment: { file: FileHandle; firstOffset: number } | null = null;
  #position = 0;
  #nextOffset: number;
  #finished = false;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #startOffset: number | null = null;

  constructor(directory: string, offset: number) {
    this.#directory = directory;
    this.partition = basename(directory);
    this.topic = basename(dirname(directory));
    this.#nextOffset = offset;
  }

  /** The offset that the next {@link read} begins with. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /**
   * Where this reader began: at the offset that was asked for, or at the oldest record that retention has left. Numbers
   * from there on that no record has are of records that damage on the disk has made unreadable. Null before that is known.
   */
  get startOffset(): number | null {
    return this.#startOffset;
  }

  /** True when the partition is closed and everything in it was read. */
  get finished(): boolean {
    return this.#finished;
  }

  /** The next records, in order; empty when there are none yet. */
  async read(limits: ReadLimits): Promise<StreamRecord[]> {
    const records: StreamRecord[] = [];
    let bytes = 0;
    await this.#scan((buffer, at, frame) => {
      const full =
        records.length > 0 && (records.length >= limits.recordsMax || bytes + frame.bytes > limits.bytesMax);
      if (full || (limits.endOffset !== undefined && frame.offset >= limits.endOffset)) return false;
      records.push(decodeFrame(buffer, at, frame, this));
      bytes += frame.bytes;
      return true;
    });
    return records;
  }

  /** Moves to the end without decoding anything; returns the offset of the next record to come. */
  async skipToEnd(): Promise<number> {
    await this.#scan(() => true);
    return this.#nextOffset;
  }

  async close(): Promise<void> {
    const segment = this.#segment;
    this.#segment = null;
    await segment?.file.close();
  }

  // A scan that fails has taken nothing: what it was shown is shown again to the next one.
  async #scan(
    take: (buffer: Buffer, at: number, frame: { bytes: number; offset: number }) => boolean,
  ): Promise<void> {
    const before = this.#nextOffset;
    try {
      await this.#scanSegments(take);
    } catch (error) {
      this.#nextOffset = before;
      await this.close().catch(() => undefined);
      throw error;
    }
  }

  async #scanSegments(
    take: (buffer: Buffer, at: number, frame: { bytes: number; offset: number }) => boolean,
  ): Promise<void> {
    if (this.#finished || (await this.#isIdle())) return;
    for (;;) {
      // Whether the writer is done is asked before reading, so that nothing it wrote last is missed.
      const closed = await exists(join(this.#directory, closedFile));
      const segments = await listSegments(this.#directory);
      if (!(await this.#openSegment(segments))) return;
      const stop = await this.#scanSegment(take);
      if (stop === 'taken') return;
      const next = segments.find((first) => first > (this.#segment?.firstOffset ?? 0));
      if (next === undefined) {
        this.#finished = closed;
        if (closed) await this.close();
        return;
      }
      await this.#moveTo(next);
    }
  }

  // A read of a partition where nothing happens is one system call.
  async #isIdle(): Promise<boolean> {
    const nowMs = performance.now();
    const looksAgain = nowMs - this.#lookedAtMs >= lookMs;
    if (looksAgain) this.#lookedAtMs = nowMs;
    if (looksAgain || !this.#segment) return false;
    return (await this.#segment.file.stat()).size <= this.#position;
  }

  // Whole frames from the position to the end of what is there: 'taken' when the taker has had enough.
  async #scanSegment(
    take: (buffer: Buffer, at: number, frame: { bytes: number; offset: number }) => boolean,
  ): Promise<'taken' | 'end'> {
    const segment = this.#segment;
    if (!segment) return 'end';
    // A window is memory outside the heap: made for nothing, many times a second, it keeps the collector at work.
    if ((await segment.file.stat()).size <= this.#position) return 'end';
    let size = windowBytes;
    for (;;) {
      const window = Buffer.allocUnsafe(size);
      const { bytesRead } = await segment.file.read(window, 0, size, this.#position);
      const buffer = window.subarray(0, bytesRead);
      let at = 0;
      for (let frame = frameAt(buffer, at); frame.kind === 'frame'; frame = frameAt(buffer, at)) {
        if (frame.offset >= this.#nextOffset) {
          if (!take(buffer, at, frame)) {
            this.#position += at;
            return 'taken';
          }
          this.#nextOffset = frame.offset + 1;
        }
        at += frame.bytes;
      }
      this.#position += at;
      const needed = frameBytesNeeded(buffer, at);
      if (bytesRead < size) return 'end';
      if (at === 0 && needed <= size) return 'end';
      size = Math.max(windowBytes, needed);
    }
  }

  async #openSegment(segments: number[]): Promise<boolean> {
    if (this.#segment) return true;
    const first = segments.findLast((offset) => offset <= this.#nextOffset) ?? segments[0];
    return first !== undefined && (await this.#moveTo(first));
  }

  // False when retention has deleted the segment meanwhile.
  async #moveTo(firstOffset: number): Promise<boolean> {
    await this.close();
    try {
      const file = await open(segmentPath(this.#directory, firstOffset), 'r');
      this.#segment = { file, firstOffset };
      this.#position = 0;
      this.#nextOffset = Math.max(this.#nextOffset, firstOffset);
      this.#startOffset ??= this.#nextOffset;
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return false;
    }
  }
}

/** All that a partition holds now, in the order of its offsets; some thousands of records in memory at once. */
export async function* readPartition(directory: string): AsyncGenerator<StreamRecord, void, undefined> {
  const reader = new PartitionReader(directory, 0);
  try {
    for (;;) {
      const records = await reader.read({ recordsMax: 10_000, bytesMax: 16 * 1024 * 1024 });
      if (records.length === 0) return;
      yield* records;
    }
  } finally {
    await reader.close();
  }
}
