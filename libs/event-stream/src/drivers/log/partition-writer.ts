import { fdatasync, writev } from 'node:fs';
import { type FileHandle, open, readFile, rename, truncate } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LoomError, messageOf } from '@loom/errors';
import { recordBytesMax } from '@loom/trace-schema';
import { tryLock } from 'fs-native-extensions';
import type { NewRecord, Producer } from '../../event-stream.ts';
import { encodeFrame, frameAt, frameOverheadBytes } from './frame.ts';
import {
  closedFile,
  exists,
  fsyncDirectory,
  listSegments,
  lockFile,
  makeDirectory,
  replaceFile,
  segmentPath,
  topicBytes,
} from './layout.ts';

const writevAsync = promisify(writev);
const fdatasyncAsync = promisify(fdatasync);

/** A commit group takes at most this, unless one record is larger: groups can be read at once. */
const groupBytesMax = 1024 * 1024;
const keyAndHeaderBytesMax = 64 * 1024;
const capacityCheckMs = 1000;
const ageLookMsMax = 60_000;
/** What nobody waits for is written with the next group that somebody waits for, or after this. Milliseconds. */
const patienceMs = 10;

export interface PartitionWriterOptions {
  /** A segment is closed when it has reached this size. Bytes. */
  readonly segmentBytesMax?: number;
  /**
   * … or when its first record is this old, also while nothing comes: only whole segments are ever deleted, and what is
   * in one stays as long as it is written to. Milliseconds; default an hour.
   */
  readonly segmentAgeMsMax?: number;
  /** Appends are refused as `overloaded` while this much waits for the disk. Bytes. */
  readonly queueBytesMax?: number;
  /**
   * Appends are refused as `overloaded` while the topic holds this much on disk, what writers before this one have
   * left included. Siblings that write meanwhile are seen a segment later. Bytes.
   */
  readonly topicBytesMax?: number;
  /** Told once when a write or sync has failed. Nothing is tried again: after a failed fsync the next one lies. */
  readonly onFailure?: (error: LoomError) => void;
}

export interface AppendOptions {
  /** The limits of queue and partition do not count. */
  readonly essential?: boolean;
  /** Nobody waits for it: it may join a later group, so that it costs no sync of its own. */
  readonly patient?: boolean;
}

/** The reason of the error while the disk is full. */
export const diskFull = 'disk_full';

/** Between two tries to write to a disk that is full. Milliseconds. */
const stallMs = 500;

interface CommitGroup {
  readonly frames: Buffer[];
  bytes: number;
  /** False while all in it is patient. */
  due: boolean;
  /** Its promise has rejected, since the disk was full; its records still wait. */
  isRefused: boolean;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The one writer of a partition directory: appends framed records to segment files with group commit (while one
 * fdatasync runs, the next group gathers). Holds the directory's lock until closed or dead.
 */
export class PartitionWriter implements Producer {
  readonly partition: string;
  readonly directory: string;
  readonly #lock: FileHandle;
  readonly #options: Required<Omit<PartitionWriterOptions, 'onFailure'>> &
    Pick<PartitionWriterOptions, 'onFailure'>;
  #segment: FileHandle;
  #segmentBytes: number;
  #segmentBeganAt = performance.now();
  readonly #ageTimer: NodeJS.Timeout;
  #topicBytes: number;
  #capacityCheckedAt = 0;
  #nextOffset: number;
  #queuedBytes = 0;
  readonly #groups: CommitGroup[] = [];
  #flushing: Promise<void> | null = null;
  #patience: NodeJS.Timeout | null = null;
  #writing: CommitGroup | null = null;
  #failure: LoomError | null = null;
  #stall: LoomError | null = null;
  #closing = false;

  private constructor(
    directory: string,
    lock: FileHandle,
    segment: FileHandle,
    position: { nextOffset: number; segmentBytes: number; topicBytes: number },
    options: PartitionWriterOptions,
  ) {
    this.directory = directory;
    this.partition = basename(directory);
    this.#lock = lock;
    this.#segment = segment;
    this.#nextOffset = position.nextOffset;
    this.#segmentBytes = position.segmentBytes;
    this.#topicBytes = position.topicBytes;
    this.#options = {
      segmentBytesMax: options.segmentBytesMax ?? 32 * 1024 * 1024,
      segmentAgeMsMax: options.segmentAgeMsMax ?? 3_600_000,
      queueBytesMax: options.queueBytesMax ?? 64 * 1024 * 1024,
      topicBytesMax: options.topicBytesMax ?? Number.MAX_SAFE_INTEGER,
      ...(options.onFailure ? { onFailure: options.onFailure } : {}),
    };
    const lookMs = Math.min(ageLookMsMax, this.#options.segmentAgeMsMax / 2);
    this.#ageTimer = setInterval(() => this.#rollWhenOld(), lookMs).unref();
  }

  /** Makes a new partition. It appears under its name only when its lock is held. */
  static async create(root: string, topic: string, partition: string, options: PartitionWriterOptions = {}) {
    const topicDirectory = join(root, topic);
    const hidden = join(topicDirectory, `.${partition}`);
    const directory = join(topicDirectory, partition);
    await makeDirectory(hidden);
    const lock = await open(join(hidden, lockFile), 'a+', 0o600);
    if (!tryLock(lock.fd))
      throw new LoomError('conflict', `partition ${partition} is being made by another process`);
    let segment: FileHandle | null = null;
    try {
      segment = await open(segmentPath(hidden, 0), 'a', 0o600);
      await fsyncDirectory(hidden);
      await rename(hidden, directory);
      await fsyncDirectory(topicDirectory);
      const position = { nextOffset: 0, segmentBytes: 0, topicBytes: await topicBytes(root, topic) };
      return new PartitionWriter(directory, lock, segment, position, options);
    } catch (error) {
      await segment?.close();
      await lock.close();
      throw error;
    }
  }

  /**
   * Takes over the partition of a writer that is gone: cuts the torn tail at the last whole record and goes on after
   * it. Null when its writer lives or it is closed.
   */
  static async adopt(
    directory: string,
    options: PartitionWriterOptions = {},
  ): Promise<PartitionWriter | null> {
    if (await exists(join(directory, closedFile))) return null;
    const lock = await open(join(directory, lockFile), 'a+', 0o600);
    if (!tryLock(lock.fd) || (await exists(join(directory, closedFile)))) {
      await lock.close();
      return null;
    }
    let segment: FileHandle | null = null;
    try {
      const segments = await listSegments(directory);
      const last = segments.at(-1) ?? 0;
      const path = segmentPath(directory, last);
      const tail = await cutTornTail(path, last);
      segment = await open(path, 'a', 0o600);
      await segment.datasync(); // its writer may have died, or failed, between a write and its sync
      const held = await topicBytesBeside(directory);
      return new PartitionWriter(directory, lock, segment, { ...tail, topicBytes: held }, options);
    } catch (error) {
      await segment?.close();
      await lock.close(); // else nobody could try again
      throw error;
    }
  }

  /** The offset that the next appended record gets. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** What was appended and is not on disk yet. */
  get pending(): { readonly records: number; readonly bytes: number } {
    const records = this.#groups.reduce((sum, group) => sum + group.frames.length, 0);
    return { records, bytes: this.#queuedBytes };
  }

  /** Why nothing can be appended any more, or null. */
  get failure(): LoomError | null {
    return this.#failure;
  }

  #assertAlive(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closing) throw new LoomError('unavailable', 'event log is closing');
  }

  /** Why nothing new is appended for now, or null: the disk is full. It passes by itself when there is room. */
  get stall(): LoomError | null {
    return this.#stall;
  }

  #assertRoom(bytes: number): void {
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > this.#options.queueBytesMax) {
      throw new LoomError('overloaded', `event log has ${this.#queuedBytes} bytes waiting for the disk`, {
        retryAfterMs: 1000,
      });
    }
    if (this.#topicBytes + this.#queuedBytes + bytes > this.#options.topicBytesMax) {
      this.#recheckCapacity();
      throw new LoomError(
        'overloaded',
        `event log is full: ${this.#topicBytes} bytes wait for their consumers`,
        {
          retryAfterMs: 5000,
        },
      );
    }
  }

  append(records: readonly NewRecord[]): Promise<void> {
    try {
      return this.appendSync(records);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * As {@link append}, but a refusal is thrown at once, so that a caller can number its records only when they are
   * sure to be appended in this order. `essential` is for records that finish what was begun, such as the end of an
   * accepted call.
   * While the disk is full, what is not essential is refused as `overloaded` with reason `disk_full`. A promise that was
   * pending then, or of an essential record, rejects with the same: its records are kept and written when there is room.
   */
  appendSync(records: readonly NewRecord[], options: AppendOptions = {}): Promise<void> {
    let bytes = 0;
    for (const record of records) {
      bytes += record.value.byteLength + frameOverheadBytes;
      if (record.value.byteLength > recordBytesMax + keyAndHeaderBytesMax) {
        throw new LoomError(
          'payload_too_large',
          `record of ${record.value.byteLength} bytes; limit ${recordBytesMax}`,
        );
      }
    }
    this.#assertAlive();
    if (!options.essential) {
      if (this.#stall) throw this.#stall;
      this.#assertRoom(bytes);
    }
    const now = Date.now();
    let group = this.#openGroup();
    for (const record of records) {
      const frame = encodeFrame(record, this.#nextOffset, now);
      this.#nextOffset += 1;
      if (group.bytes > 0 && group.bytes + frame.length > groupBytesMax) {
        group.due = true;
        group = this.#newGroup();
      }
      group.frames.push(frame);
      group.bytes += frame.length;
      this.#queuedBytes += frame.length;
    }
    if (options.patient) this.#patience ??= setTimeout(() => this.#flushNow(), patienceMs);
    else this.#flushNow();
    return group.done;
  }

  /** Fails the log by hand, as a broken disk would: for tests of what its owner does then. */
  failWith(cause: Error): void {
    this.#fail(cause);
  }

  /** Waits for what was appended, marks the partition closed and lets go of its lock. */
  async close(options: { readonly markClosed?: boolean } = {}): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearInterval(this.#ageTimer);
    this.#flushNow();
    while (this.#flushing) await this.#flushing;
    await this.#segment.close();
    try {
      if ((options.markClosed ?? true) && !this.#failure)
        await replaceFile(join(this.directory, closedFile), `${this.#nextOffset}\n`);
    } finally {
      await this.#lock.close(); // who adopts it writes the mark
    }
  }

  #openGroup(): CommitGroup {
    const last = this.#groups.at(-1);
    return last && last !== this.#writing && !last.isRefused ? last : this.#newGroup();
  }

  #newGroup(): CommitGroup {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined); // chunk groups are appended without waiting
    const group = { frames: [], bytes: 0, due: false, isRefused: false, done: promise, resolve, reject };
    this.#groups.push(group);
    return group;
  }

  #flushNow(): void {
    if (this.#patience) clearTimeout(this.#patience);
    this.#patience = null;
    const last = this.#groups.at(-1);
    if (!last) return;
    last.due = true;
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    try {
      await setImmediate(); // gathers what every connection of this turn of the event loop appends
      for (let group = this.#groups[0]; group?.due; group = this.#groups[0]) {
        this.#writing = group;
        if (!(await this.#hasWritten(group))) continue;
        this.#groups.shift();
        group.resolve();
      }
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#writing = null;
      this.#flushing = null;
    }
  }

  /**
   * False when the disk was full and some time has passed. What was written of the group is cut off again. Its promise
   * rejects, because nobody knows how long it takes; its records keep their places and are written when there is room.
   */
  async #hasWritten(group: CommitGroup): Promise<boolean> {
    try {
      await this.#writeFrames(group);
    } catch (cause) {
      if (this.#closing || !isDiskFull(cause) || isSync(cause)) throw cause;
      if (this.#stall === null)
        process.emitWarning(`event log waits for room on its disk: ${messageOf(cause)}`, 'DiskFullWarning');
      this.#stall = new LoomError('overloaded', 'the disk of the event log is full', {
        ...{ retryAfterMs: stallMs * 10, reason: diskFull, cause },
      });
      for (const waiting of this.#groups) {
        waiting.isRefused = true;
        waiting.reject(this.#stall);
      }
      await this.#segment.truncate(this.#segmentBytes);
      await delay(stallMs);
      return false;
    }
    this.#stall = null;
    await this.#commit(group);
    return true;
  }

  async #writeFrames(group: CommitGroup): Promise<void> {
    if (this.#segmentBytes >= this.#options.segmentBytesMax || this.#segmentIsOld())
      await this.#rollSegment(group);
    let written = (await writevAsync(this.#segment.fd, group.frames)).bytesWritten;
    if (written === group.bytes) return;
    const rest = Buffer.concat(group.frames);
    while (written < rest.length) written += (await this.#segment.write(rest, written)).bytesWritten;
  }

  async #commit(group: CommitGroup): Promise<void> {
    await fdatasyncAsync(this.#segment.fd);
    if (this.#segmentBytes === 0) this.#segmentBeganAt = performance.now();
    this.#segmentBytes += group.bytes;
    this.#topicBytes += group.bytes;
    this.#queuedBytes -= group.bytes;
  }

  #segmentIsOld(): boolean {
    return (
      this.#segmentBytes > 0 && performance.now() - this.#segmentBeganAt >= this.#options.segmentAgeMsMax
    );
  }

  /** While nothing is appended nobody else would. */
  #rollWhenOld(): void {
    if (this.#flushing || this.#groups.length > 0 || this.#closing || this.#failure || !this.#segmentIsOld())
      return;
    this.#flushing = this.#rollSegment(null)
      .catch((cause: unknown) => this.#fail(cause))
      .finally(() => {
        this.#flushing = null;
        if (this.#groups[0]?.due) this.#flushNow();
      });
  }

  async #rollSegment(group: CommitGroup | null): Promise<void> {
    const first = group?.frames[0];
    const firstOffset = first
      ? first.readUInt32LE(8) + first.readUInt32LE(12) * 0x1_0000_0000
      : this.#nextOffset;
    const next = await open(segmentPath(this.directory, firstOffset), 'a', 0o600);
    await this.#segment.close();
    this.#segment = next;
    this.#segmentBytes = 0;
    this.#recheckCapacity();
    await fsyncDirectory(this.directory);
  }

  #fail(cause: unknown): void {
    const error = new LoomError('unavailable', `event log cannot be written: ${messageOf(cause)}`, { cause });
    this.#failure = error;
    for (const group of this.#groups.splice(0)) group.reject(error);
    this.#queuedBytes = 0;
    this.#options.onFailure?.(error);
  }

  // Another process deletes consumed segments: look again, but not at every refused call.
  #recheckCapacity(): void {
    const now = Date.now();
    if (now - this.#capacityCheckedAt < capacityCheckMs) return;
    this.#capacityCheckedAt = now;
    topicBytesBeside(this.directory).then(
      (bytes) => (this.#topicBytes = bytes),
      () => undefined,
    );
  }
}

function isDiskFull(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The next sync would lie: only a new process knows what the disk has. */
function isSync(cause: unknown): boolean {
  const { syscall } = cause as NodeJS.ErrnoException;
  return syscall === 'fsync' || syscall === 'fdatasync';
}

/** Of the topic that a partition's directory is in. */
function topicBytesBeside(directory: string): Promise<number> {
  const topic = dirname(directory);
  return topicBytes(dirname(topic), basename(topic));
}

async function cutTornTail(
  path: string,
  firstOffset: number,
): Promise<{ nextOffset: number; segmentBytes: number }> {
  const content = (await exists(path)) ? await readFile(path) : Buffer.alloc(0);
  let at = 0;
  let nextOffset = firstOffset;
  for (let frame = frameAt(content, at); frame.kind === 'frame'; frame = frameAt(content, at)) {
    at += frame.bytes;
    nextOffset = frame.offset + 1;
  }
  if (at < content.length) {
    await truncate(path, at);
    await fsyncDirectory(dirname(path));
  }
  return { nextOffset, segmentBytes: at };
}
