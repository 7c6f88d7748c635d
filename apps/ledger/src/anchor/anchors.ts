import type { LedgerStore } from '@loom/control-store';
import type { Logger, Metrics } from '@loom/telemetry';
import type { LedgerSettings } from '../config.ts';
import { Rounds } from '../watch/rounds.ts';
import type { Anchor } from './anchor.ts';
import { AnchorRun } from './anchor-run.ts';
import { BucketAnchor } from './bucket-anchor.ts';
import { WebhookAnchor } from './webhook-anchor.ts';
import { WitnessAnchor } from './witness-anchor.ts';

interface AnchorsDeps {
  readonly config: Pick<
    LedgerSettings,
    | 'LOOM_LEDGER_WITNESSES'
    | 'LOOM_LEDGER_WEBHOOKS'
    | 'LOOM_LEDGER_BUCKET_URL'
    | 'LOOM_LEDGER_BUCKET_RETENTION'
  >;
  readonly store: LedgerStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What failed is tried again after this long. */
const retryMs = 10_000;

/** All anchors of a deployment, each with its own rounds: none waits for another, and sealing waits for none. */
export class Anchors {
  readonly #rounds: readonly Rounds[];
  readonly #stopping = new AbortController();

  constructor({ config, store, logger, metrics }: AnchorsDeps) {
    const failures = metrics.counter(
      'loom_ledger_anchor_failures_total',
      'Checkpoints that could not be brought to a witness, a webhook or the bucket, and are tried again',
    );
    const deps = { store, logger, onFailure: () => failures.inc() };
    this.#rounds = anchorsOf(config, store).map((anchor) => {
      const run = new AnchorRun(anchor, deps);
      return new Rounds(`anchor ${anchor.name}`, retryMs, logger, () => run.round(this.#stopping.signal));
    });
  }

  start(): void {
    for (const rounds of this.#rounds) {
      rounds.start();
      rounds.soon();
    }
  }

  /** There are new checkpoints. */
  soon(): void {
    for (const rounds of this.#rounds) rounds.soon();
  }

  /** Gives up what is under way: it is brought after the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#rounds.map((rounds) => rounds.stop()));
  }
}

function anchorsOf(config: AnchorsDeps['config'], store: LedgerStore): Anchor[] {
  const url = config.LOOM_LEDGER_BUCKET_URL;
  return [
    ...config.LOOM_LEDGER_WITNESSES.map((setting) => new WitnessAnchor(store, setting)),
    ...config.LOOM_LEDGER_WEBHOOKS.map((webhook) => new WebhookAnchor(webhook)),
    ...(url ? [new BucketAnchor({ url, retentionMs: config.LOOM_LEDGER_BUCKET_RETENTION })] : []),
  ];
}
