import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type ControlStore, openControlStore } from '@loom/control-store';
import { openEventStream, type Producer, sweepLog } from '@loom/event-stream';
import { newKeyText } from '@loom/signer';
import { topics } from '@loom/trace-schema';
import { openTraceStore } from '@loom/trace-store';
import { startChild } from '../child-process.ts';
import { processCpuMs } from '../process-cpu.ts';
import type { CallMaker } from './call-maker.ts';

const callsOfAppend = 250;
const lookMs = 100;
const sealInterval = '1s';

/** What was spent so far, or between two looks. */
export interface Spent {
  /** Processor time, milliseconds. */
  readonly ledgerCpuMs: number;
  readonly engineCpuMs: number;
  readonly storeBytes: number;
  readonly journalBytes: number;
  readonly checkpointBytes: number;
}

/** The ledger's own process on the embedded engines, with every file that it keeps on one machine. Nothing else of Loom. */
export class SealingWorld {
  readonly #directory: string;
  readonly #pids: { readonly ledger: number; readonly engine: number };
  readonly #producer: Producer;
  readonly #close: () => Promise<void>;
  readonly store: ControlStore;

  private constructor(
    directory: string,
    pids: { readonly ledger: number; readonly engine: number },
    opened: { producer: Producer; store: ControlStore; close: () => Promise<void> },
  ) {
    this.#directory = directory;
    this.#pids = pids;
    this.#producer = opened.producer;
    this.store = opened.store;
    this.#close = opened.close;
  }

  static async start(directory: string): Promise<SealingWorld> {
    const host = await startChild<{ traceStoreUrl: string; controlStoreUrl: string }>(
      import.meta.resolve('@loom/engine-host/main'),
      {
        args: [JSON.stringify({ directory: join(directory, 'engines') })],
        env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
        flags: ['--liftoff-only'], // as the deployment on one machine has it
      },
    );
    const closing: (() => Promise<unknown>)[] = [() => host.stop()];
    const close = async () => {
      for (const one of closing.reverse()) await one();
    };
    try {
      const { traceStoreUrl, controlStoreUrl } = host.ready;
      const sessionSecret = randomBytes(32).toString('base64url');
      const store = await openControlStore(new URL(controlStoreUrl), { sessionSecret });
      closing.push(() => store.close());
      await (await openTraceStore(new URL(traceStoreUrl))).close();
      const keys = join(directory, 'ledger-keys');
      await mkdir(directory, { recursive: true });
      await writeFile(keys, newKeyText('loom.bench'), { mode: 0o600 });
      const streamUrl = new URL(`log:${join(directory, 'stream')}`);
      const ledger = await startChild(import.meta.resolve('@loom/app-ledger/main'), {
        env: {
          ...{ PATH: process.env.PATH, LOOM_LEDGER_PORT: '0', LOOM_SESSION_SECRET: sessionSecret },
          ...{ LOOM_CONTROL_STORE_URL: controlStoreUrl, LOOM_TRACE_STORE_URL: traceStoreUrl },
          ...{ LOOM_EVENT_STREAM_URL: streamUrl.href, LOOM_LEDGER_SIGNER_URL: pathToFileURL(keys).href },
          LOOM_MASTER_KEYS: `bench:${randomBytes(32).toString('base64')}`,
          ...{ LOOM_LEDGER_DIRECTORY: join(directory, 'ledger'), LOOM_LEDGER_JOURNAL: 'true' },
          LOOM_LEDGER_SEAL_INTERVAL: sealInterval,
        },
      });
      closing.push(() => ledger.stop());
      const stream = await openEventStream(streamUrl);
      closing.push(() => stream.close());
      const producer = await stream.producer(topics.traces);
      const pids = { ledger: ledger.pid, engine: host.pid };
      return new SealingWorld(directory, pids, { producer, store, close });
    } catch (error) {
      await close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** Resolves when the calls are sealed and signed, as a log of `size` leaves, and what they came from is removed. */
  async seal(maker: CallMaker, calls: number, size: number, signal: AbortSignal): Promise<void> {
    for (let made = 0; made < calls; made += callsOfAppend) {
      signal.throwIfAborted();
      await this.#producer.append(maker.make(Math.min(callsOfAppend, calls - made)));
    }
    while (((await this.store.ledger.readCheckpoint(maker.projectId))?.size ?? 0) < size) {
      signal.throwIfAborted();
      await delay(lookMs);
    }
    const consumed = { topic: topics.traces, groups: ['ledger'], minAgeMs: 0 };
    await sweepLog(join(this.#directory, 'stream'), consumed);
  }

  async spent(): Promise<Spent> {
    return {
      ledgerCpuMs: await processCpuMs(this.#pids.ledger),
      engineCpuMs: await processCpuMs(this.#pids.engine),
      storeBytes: await bytesBelow(join(this.#directory, 'engines/pglite/base')),
      journalBytes: await bytesBelow(join(this.#directory, 'ledger/journal')),
      checkpointBytes: await bytesBelow(join(this.#directory, 'ledger/checkpoints')),
    };
  }
}

async function bytesBelow(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((file) => file.isFile())
    .map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
