import { setTimeout as delay } from 'node:timers/promises';
import { isLoomError, LoomError } from '@loom/errors';
import { type EventStream, type NewRecord, openEventStream } from '@loom/event-stream';
import { topics } from '@loom/trace-schema';
import { type Child, startChild } from '../child-process.ts';
import { type CpuMs, type CpuReader } from './cpu-reader.ts';

export interface IngestRunOptions {
  /** Of a topic that has nothing in it yet; partitions and prefix are part of it. */
  readonly streamUrl: URL;
  readonly storeUrl: URL;
  readonly processes: number;
  readonly records: readonly NewRecord[];
  readonly cpu: CpuReader;
  readonly signal: AbortSignal;
}

export interface Measured {
  /** How many events the time is of. */
  readonly events: number;
  readonly seconds: number;
  readonly cpuMs: CpuMs;
}

const group = 'ingest';
const pollMs = 25;
/** Without any progress for so long the run is given up. */
const stallMsMax = 60_000;
const appendAtOnce = 500;

/** Puts all events into the topic, then lets the processes take them in: from the first commit until nothing is left. */
export async function runIngest(options: IngestRunOptions): Promise<Measured> {
  const { streamUrl, storeUrl, processes, records } = options;
  const stream = await openEventStream(streamUrl);
  const started: Child<object>[] = [];
  try {
    await append(stream, records, options.signal);
    const env = {
      PATH: process.env.PATH,
      LOOM_INGEST_PORT: '0',
      LOOM_EVENT_STREAM_URL: streamUrl.href,
      LOOM_TRACE_STORE_URL: storeUrl.href,
    };
    const starts = Array.from({ length: processes }, async () => {
      started.push(await startChild(import.meta.resolve('@loom/app-ingest/main'), { env }));
    });
    // What was started is known before anything is given up.
    const running = Promise.allSettled(starts);
    const measured = await measure(stream, options, async () => {
      for (const start of await running) if (start.status === 'rejected') throw start.reason;
      return started.map(({ pid }) => pid);
    }).finally(() => running);
    return measured;
  } finally {
    await Promise.all(started.map((child) => child.stop()));
    await stream.close();
  }
}

async function append(
  stream: EventStream,
  records: readonly NewRecord[],
  signal: AbortSignal,
): Promise<void> {
  const producer = await stream.producer(topics.traces);
  for (let at = 0; at < records.length; at += appendAtOnce) {
    signal.throwIfAborted();
    await producer.append(records.slice(at, at + appendAtOnce));
  }
}

async function measure(
  stream: EventStream,
  { records, cpu, signal }: IngestRunOptions,
  pidsOf: () => Promise<number[]>,
): Promise<Measured> {
  const pids = await pidsOf();
  const progress = new Progress(records.length);
  let first: { atMs: number; cpuMs: CpuMs; left: number } | null = null;
  for (;;) {
    signal.throwIfAborted();
    const left = await lagOf(stream, records.length);
    const atMs = performance.now();
    progress.see(left, atMs);
    if (!first && left < records.length) first = { atMs, cpuMs: await cpu.read(pids), left };
    if (first && left === 0) {
      const cpuMs = cpu.between(first.cpuMs, await cpu.read(pids));
      if (first.left === 0)
        throw new LoomError(
          'invalid_request',
          `${records.length} events were over before they were seen: take more`,
        );
      return { events: first.left, seconds: (atMs - first.atMs) / 1000, cpuMs };
    }
    await delay(pollMs);
  }
}

/** While the broker still makes up who coordinates a new group, nothing is committed. */
async function lagOf(stream: EventStream, atFirst: number): Promise<number> {
  try {
    return await stream.lag(group, [topics.traces]);
  } catch (error) {
    if (isLoomError(error) && error.code === 'unavailable') return atFirst;
    throw error;
  }
}

/** Notices when nothing moves any more. */
class Progress {
  #left: number;
  #movedAtMs = performance.now();

  constructor(left: number) {
    this.#left = left;
  }

  see(left: number, atMs: number): void {
    if (left !== this.#left) this.#movedAtMs = atMs;
    this.#left = left;
    if (atMs - this.#movedAtMs > stallMsMax)
      throw new LoomError(
        'unavailable',
        `ingest stands still with ${left} events left; its messages are above`,
      );
  }
}
