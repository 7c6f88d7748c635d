import { build, type Histogram } from 'hdr-histogram-js';
import { type Dispatcher, Pool } from 'undici';
import { answerBytes, chatBody } from './chat-fixture.ts';
import type { LoadResult, LoadSpec } from './load.ts';

/* The load process: a load for each spec that the parent sends. Latencies are counted in microseconds. */

const openConnectionsMax = 256;
/** A request that has no answer by then has failed. Milliseconds. */
const answerMs = 10_000;

class Load {
  readonly #spec: LoadSpec;
  readonly #pool: Pool;
  readonly #request: Dispatcher.DispatchOptions;
  readonly #micros: Histogram = build({
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  readonly #finished = Promise.withResolvers<void>();
  #running = 0;
  #answered = 0;
  #failed = 0;
  #over = false;

  constructor(spec: LoadSpec) {
    this.#spec = spec;
    const connections = spec.rate === null ? spec.connections : openConnectionsMax;
    this.#pool = new Pool(spec.url, {
      connections,
      pipelining: 1,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
    });
    this.#request = {
      method: 'POST',
      path: '/v1/chat/completions',
      headers: {
        'content-type': 'application/json',
        ...(spec.authorization === null ? {} : { authorization: spec.authorization }),
      },
      body: chatBody(spec.shape),
    };
  }

  async run(): Promise<LoadResult> {
    const startedAt = performance.now();
    setTimeout(() => this.#stop(), this.#spec.seconds * 1000);
    if (this.#spec.rate === null) for (let at = 0; at < this.#spec.connections; at += 1) this.#ask();
    else this.#arrive(1000 / this.#spec.rate, startedAt);
    await this.#finished.promise;
    const seconds = (performance.now() - startedAt) / 1000;
    await this.#pool.destroy();
    return {
      answered: this.#answered,
      failed: this.#failed,
      seconds,
      p50Ms: this.#micros.getValueAtPercentile(50) / 1000,
      p99Ms: this.#micros.getValueAtPercentile(99) / 1000,
    };
  }

  #stop(): void {
    this.#over = true;
    if (this.#running === 0) this.#finished.resolve();
  }

  // Timers tick in milliseconds: what is due by now goes out now. Latency counts from there.
  #arrive(gapMs: number, dueAt: number): void {
    if (this.#over) return;
    let due = dueAt;
    for (; due <= performance.now(); due -= Math.log(1 - Math.random()) * gapMs) this.#ask();
    setTimeout(() => this.#arrive(gapMs, due), 1);
  }

  #ask(): void {
    this.#running += 1;
    const startedAt = performance.now();
    let bytes = 0;
    let status = 0;
    this.#pool.dispatch(this.#request, {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: (_controller, chunk) => {
        bytes += chunk.length;
      },
      onResponseEnd: () => this.#ended(startedAt, status === 200 && bytes === answerBytes[this.#spec.shape]),
      onResponseError: () => this.#ended(startedAt, false),
    });
  }

  #ended(startedAt: number, whole: boolean): void {
    this.#running -= 1;
    if (whole) {
      this.#answered += 1;
      this.#micros.recordValue(Math.round((performance.now() - startedAt) * 1000));
    } else this.#failed += 1;
    if (this.#over && this.#running === 0) this.#finished.resolve();
    else if (!this.#over && this.#spec.rate === null) this.#ask();
  }
}

process.on('message', (spec: LoadSpec) => {
  void new Load(spec).run().then((result) => process.send?.(result));
});
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
