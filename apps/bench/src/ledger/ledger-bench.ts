import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { recordCalls } from '../ingest/recorded-calls.ts';
import { CallMaker } from './call-maker.ts';
import type { LedgerRow } from './ledger-report.ts';
import { timeProofs } from './proof-times.ts';
import { SealingWorld, type Spent } from './sealing-world.ts';

export interface LedgerBenchOptions {
  /** Leaves of the largest log that is measured; the others are a tenth, a hundredth, … of it, down to a thousand. */
  readonly leaves: number;
  /** Of each measurement. */
  readonly calls: number;
  readonly rounds: number;
  /** On the disk that is to be measured; what is made below it is removed. */
  readonly directory: string;
  readonly progress: (line: string) => void;
  /** Ends the run early: everything is stopped and removed, then it rejects. */
  readonly signal: AbortSignal;
}

const recordedCalls = 400;
const warmUpCalls = 10_000;
const leavesMin = 1000;
/** The stream holds no more than these at once. */
const callsOfGrowth = 25_000;

/** Lets one log grow, and measures at each size what a call more costs. */
export async function measureLedger(options: LedgerBenchOptions): Promise<LedgerRow[]> {
  const { calls, rounds, progress, signal } = options;
  const base = resolve(options.directory);
  await mkdir(base, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(base, 'bench-'));
  try {
    const recorded = await recordCalls(join(directory, 'gateway'), recordedCalls, signal);
    const world = await SealingWorld.start(directory);
    try {
      await world.seal(new CallMaker('warm-up', recorded), warmUpCalls, 2 * warmUpCalls, signal);
      const maker = new CallMaker('bench', recorded);
      const rows: LedgerRow[] = [];
      let size = 0;
      for (const wanted of sizesUpTo(options.leaves)) {
        while (size < wanted) {
          const missing = Math.min(callsOfGrowth, Math.ceil((wanted - size) / 2));
          await world.seal(maker, missing, (size += 2 * missing), signal);
        }
        for (let round = 1; round <= rounds; round += 1) {
          const before = await world.spent();
          const [leaves, startedAt] = [size, performance.now()];
          await world.seal(maker, calls, (size += 2 * calls), signal);
          const seconds = (performance.now() - startedAt) / 1000;
          const spent = perCall(before, await world.spent(), calls);
          const proofs = await timeProofs(world.store.ledger, maker.projectId, size);
          rows.push({ wanted, leaves, round, seconds, ...spent, ...proofs });
          progress(`${leaves} leaves, round ${round}: ${spent.ledgerCpuMs.toFixed(3)} ms of ledger a call`);
        }
      }
      return rows;
    } finally {
      await world.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function sizesUpTo(leaves: number): number[] {
  const sizes: number[] = [];
  for (let size = leaves; size >= leavesMin; size = Math.floor(size / 10)) sizes.unshift(size);
  return sizes;
}

function perCall(before: Spent, after: Spent, calls: number): Spent {
  const part = (name: keyof Spent) => (after[name] - before[name]) / calls;
  return {
    ledgerCpuMs: part('ledgerCpuMs'),
    engineCpuMs: part('engineCpuMs'),
    storeBytes: part('storeBytes'),
    journalBytes: part('journalBytes'),
    checkpointBytes: part('checkpointBytes'),
  };
}
