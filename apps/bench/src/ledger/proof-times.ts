import type { LedgerStore } from '@loom/control-store';
import { consistencyProof, inclusionProof, nodeCrypto, proveWithTiles } from '@loom/ledger';
import { median } from '../statistics.ts';

const proofs = 50;
/** Odd multiples of it, modulo the size, are spread over the log. */
const stride = 0x9e3779b1;

export interface ProofTimes {
  /** Medians, milliseconds: from the stored tiles to the proof, the store's answer included. */
  readonly inclusionMs: number;
  readonly consistencyMs: number;
}

/** Proofs of places all over a log, one after another. */
export async function timeProofs(store: LedgerStore, projectId: string, size: number): Promise<ProofTimes> {
  const fetchTiles = (places: Parameters<LedgerStore['readTiles']>[1]) => store.readTiles(projectId, places);
  const timed = async (prove: (place: number) => Promise<unknown>) => {
    const times: number[] = [];
    for (let at = 0; at < proofs; at += 1) {
      const place = ((2 * at + 1) * stride) % size;
      const startedAt = performance.now();
      await prove(place);
      times.push(performance.now() - startedAt);
    }
    return median(times);
  };
  return {
    inclusionMs: await timed((index) =>
      proveWithTiles(nodeCrypto, size, fetchTiles, (rangeHash) => inclusionProof(index, size, rangeHash)),
    ),
    consistencyMs: await timed((place) =>
      proveWithTiles(nodeCrypto, size, fetchTiles, (rangeHash) =>
        consistencyProof(place + 1, size, rangeHash),
      ),
    ),
  };
}
