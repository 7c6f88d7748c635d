import type { LedgerStore } from '@loom/control-store';
import type { Metrics } from '@loom/telemetry';

/** The instruments of the ledger. */
export class LedgerMetrics {
  readonly #leaves;
  readonly #unreadable;

  constructor(metrics: Metrics, store: LedgerStore) {
    this.#leaves = metrics.counter('loom_ledger_leaves_total', 'Leaves appended to logs');
    this.#unreadable = metrics.counter(
      'loom_ledger_unreadable_records_total',
      'Records that the event stream has lost before the ledger could read them',
    );
    metrics.gauge(
      'loom_ledger_open_gaps',
      'Gaps in the sequences of emitters that are not filled',
      async () => {
        return (await store.listGaps(null)).length;
      },
    );
  }

  sealed(leaves: number): void {
    this.#leaves.inc(leaves);
  }

  unreadable(records: number): void {
    this.#unreadable.inc(records);
  }
}
