import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { NewRecord } from '@loom/event-stream';
import { startChild } from '../child-process.ts';
import { startBroker } from '../testing/start-kafka.ts';
import { CpuReader } from './cpu-reader.ts';
import { EngineClient } from './engine-client.ts';
import type { IngestRow, VariantName } from './ingest-report.ts';
import { type Measured, runIngest } from './ingest-run.ts';
import type { InsertBatch } from './insert-batches.ts';
import { InsertRecorder } from './insert-recorder.ts';
import { runRaw } from './raw-run.ts';
import { recordCalls } from './recorded-calls.ts';

export interface IngestBenchOptions {
  /** Two a call. */
  readonly events: number;
  readonly rounds: number;
  /** On the disk that is to be measured; what is made below it is removed. */
  readonly directory: string;
  readonly progress: (line: string) => void;
  /** Ends the run early: everything is stopped and removed, then it rejects. */
  readonly signal: AbortSignal;
}

export interface IngestMeasurement {
  readonly rows: readonly IngestRow[];
  readonly batches: number;
  readonly eventBytes: number;
  readonly insertBytes: number;
}

/** Takes the same events in through ingest and as raw inserts, in turn, each into an empty database. */
export async function measureIngest(options: IngestBenchOptions): Promise<IngestMeasurement> {
  const base = resolve(options.directory);
  await mkdir(base, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(base, 'bench-'));
  const closing: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    options.progress(`making ${options.events} events`);
    const records = await recordCalls(join(directory, 'gateway'), options.events / 2, options.signal);
    const host = await startChild<{ traceStoreUrl: string }>(import.meta.resolve('@loom/engine-host/main'), {
      args: [JSON.stringify({ directory: join(directory, 'engines') })],
      env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    });
    closing.push(() => host.stop());
    const broker = await startBroker(join(directory, 'kafka'));
    closing.push(() => broker.stop());
    const engineUrl = new URL(host.ready.traceStoreUrl);
    const engine = new EngineClient(engineUrl);
    closing.push(() => engine.close());
    const cpu = new CpuReader(host.pid, broker.pid);
    return await new IngestBench({
      options,
      records,
      engine,
      engineUrl,
      brokerUrl: broker.url,
      cpu,
    }).measure();
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

interface IngestBenchDeps {
  readonly options: IngestBenchOptions;
  readonly records: readonly NewRecord[];
  readonly engine: EngineClient;
  readonly engineUrl: URL;
  readonly brokerUrl: URL;
  readonly cpu: CpuReader;
}

/** The runs of one benchmark, one after another. */
class IngestBench {
  readonly #deps: IngestBenchDeps;
  readonly #rows: IngestRow[] = [];
  #runs = 0;

  constructor(deps: IngestBenchDeps) {
    this.#deps = deps;
  }

  /** The first run warms up and tells which inserts ingest makes; it is not kept. */
  async measure(): Promise<IngestMeasurement> {
    const { options, records } = this.#deps;
    const batches = await this.#recordInserts();
    options.progress(`recorded ${batches.length} batches`);
    for (let round = 1; round <= options.rounds; round += 1) {
      await this.#keep('ingest', 1, round, (database) => this.#ingest(database, 1));
      await this.#keep('raw', 1, round, (database) => this.#raw(database, batches, 1));
      await this.#keep('ingest', 2, round, (database) => this.#ingest(database, 2));
      await this.#keep('raw', 2, round, (database) => this.#raw(database, batches, 2));
    }
    return {
      rows: this.#rows,
      batches: batches.length,
      eventBytes: records.reduce((sum, { value }) => sum + value.byteLength, 0),
      insertBytes: batches.flat().reduce((sum, { rows }) => sum + rows.length, 0),
    };
  }

  async #recordInserts(): Promise<InsertBatch[]> {
    const recorder = new InsertRecorder(this.#deps.engineUrl);
    try {
      const { port } = await recorder.listen();
      await this.#inDatabase(async (_, url) => {
        url.port = port;
        await this.#ingest(url, 1);
      });
      return recorder.batches;
    } finally {
      await recorder.close();
    }
  }

  async #keep(
    name: VariantName,
    parallel: number,
    round: number,
    run: (database: URL) => Promise<Measured>,
  ): Promise<void> {
    const { options } = this.#deps;
    options.signal.throwIfAborted();
    await this.#inDatabase(async (database, url) => {
      const { events, seconds, cpuMs } = await run(url);
      const missingSpans = options.events / 2 - (await this.#deps.engine.countRows(database, 'spans'));
      const row = {
        name,
        parallel,
        round,
        events,
        seconds,
        eventsPerSecond: events / seconds,
        cpuMs,
        missingSpans,
      };
      this.#rows.push(row);
      options.progress(
        `round ${round} ${name} ${parallel}: ${Math.round(row.eventsPerSecond)} events/s` +
          (missingSpans === 0 ? '' : `, ${missingSpans} SPANS MISSING`),
      );
    });
  }

  async #inDatabase(run: (database: string, url: URL) => Promise<void>): Promise<void> {
    this.#runs += 1;
    const database = `bench_${this.#runs}`;
    await run(database, await this.#deps.engine.createDatabase(database));
    await this.#deps.engine.dropDatabase(database);
  }

  #ingest(storeUrl: URL, processes: number): Promise<Measured> {
    const { records, brokerUrl, cpu, options } = this.#deps;
    const streamUrl = new URL(brokerUrl);
    streamUrl.searchParams.set('partitions', String(processes));
    streamUrl.searchParams.set('prefix', `run${this.#runs}.`);
    return runIngest({ streamUrl, storeUrl, processes, records, cpu, signal: options.signal });
  }

  #raw(url: URL, batches: readonly InsertBatch[], batchesAtOnce: number): Promise<Measured> {
    const { engine, cpu, options } = this.#deps;
    const database = url.pathname.slice(1);
    return runRaw({
      engine,
      database,
      batches,
      batchesAtOnce,
      events: options.events,
      cpu,
      signal: options.signal,
    });
  }
}
