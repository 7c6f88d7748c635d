import type { LoomError } from '@loom/errors';
import type { Metrics } from '@loom/telemetry';
import type { Call } from './call.ts';

/** The instruments of the gateway. */
export class GatewayMetrics {
  readonly #calls;
  readonly #overhead;

  constructor(metrics: Metrics) {
    this.#calls = metrics.counter('loom_gateway_calls_total', 'Calls by how they ended', ['outcome', 'code']);
    this.#overhead = metrics.histogram(
      'loom_gateway_overhead_seconds',
      'Time from the first byte of a call until its provider was called',
      [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5],
    );
  }

  callOver(call: Call, error: LoomError | null): void {
    const outcome = call.end?.outcome ?? (error ? 'refused' : 'listed');
    this.#calls.inc({ outcome, code: error?.code ?? call.end?.error?.code ?? '' });
    if (call.dispatchedAt !== null) this.#overhead.observe((call.dispatchedAt - call.startedAt) / 1000);
  }
}
