import { processCpuMs } from '../process-cpu.ts';

/** Processor time, milliseconds: of the ingest processes together, of engine and broker. */
export interface CpuMs {
  readonly ingest: number;
  readonly engine: number;
  readonly broker: number;
}

export class CpuReader {
  readonly #enginePid: number;
  readonly #brokerPid: number;

  constructor(enginePid: number, brokerPid: number) {
    this.#enginePid = enginePid;
    this.#brokerPid = brokerPid;
  }

  async read(ingestPids: readonly number[]): Promise<CpuMs> {
    const [engine, broker, ...ingest] = await Promise.all(
      [this.#enginePid, this.#brokerPid, ...ingestPids].map(processCpuMs),
    );
    return { ingest: ingest.reduce((sum, ms) => sum + ms, 0), engine: engine ?? 0, broker: broker ?? 0 };
  }

  between(before: CpuMs, after: CpuMs): CpuMs {
    return {
      ingest: after.ingest - before.ingest,
      engine: after.engine - before.engine,
      broker: after.broker - before.broker,
    };
  }
}
