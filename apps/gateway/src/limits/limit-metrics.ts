import type { Metrics } from '@loom/telemetry';

/** The instruments of the limits. */
export class LimitMetrics {
  readonly #refused;
  readonly #unchecked;
  readonly #failed;

  constructor(metrics: Metrics) {
    this.#refused = metrics.counter(
      'loom_gateway_limit_refusals_total',
      'Calls refused by the limit of a key',
      ['limit'],
    );
    this.#unchecked = metrics.counter(
      'loom_gateway_limits_unchecked_total',
      'Calls of keys with limits while the counter store did not answer, by what became of them',
      ['policy'],
    );
    this.#failed = metrics.counter(
      'loom_gateway_counter_failures_total',
      'What could not be told to the counter store after a call or while it ran; it falls back by itself',
      ['operation'],
    );
  }

  refused(limit: string): void {
    this.#refused.inc({ limit });
  }

  unchecked(policy: 'open' | 'closed'): void {
    this.#unchecked.inc({ policy });
  }

  failed(operation: 'settle' | 'renew'): void {
    this.#failed.inc({ operation });
  }
}
