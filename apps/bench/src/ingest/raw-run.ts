import type { CpuReader } from './cpu-reader.ts';
import type { EngineClient } from './engine-client.ts';
import type { Measured } from './ingest-run.ts';
import type { InsertBatch } from './insert-batches.ts';

export interface RawRunOptions {
  readonly engine: EngineClient;
  readonly database: string;
  readonly batches: readonly InsertBatch[];
  readonly batchesAtOnce: number;
  /** How many events the batches are of. */
  readonly events: number;
  readonly cpu: CpuReader;
  readonly signal: AbortSignal;
}

/** Makes the recorded inserts again, as many batches at once as asked for. */
export async function runRaw(options: RawRunOptions): Promise<Measured> {
  const { engine, database, batches, batchesAtOnce, events, cpu, signal } = options;
  const before = await cpu.read([]);
  const startMs = performance.now();
  let next = 0;
  const insertNext = async (): Promise<void> => {
    for (let batch = batches[next++]; batch; batch = batches[next++]) {
      signal.throwIfAborted();
      await engine.insertBatch(database, batch);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, insertNext));
  const seconds = (performance.now() - startMs) / 1000;
  return { events, seconds, cpuMs: cpu.between(before, await cpu.read([])) };
}
