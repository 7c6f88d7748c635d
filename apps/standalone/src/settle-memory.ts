/**
 * Loaded into each process before its own code, with `--expose-gc`: what a start leaves behind (source text, compiled
 * code that ran once, buffers of a first set-up) is collected once, when the process has settled. Node by itself keeps
 * it until the heap grows, and an idle process does not grow.
 */
const settledMs = 15_000;

setTimeout(() => {
  void globalThis.gc?.({ type: 'major', flavor: 'last-resort', execution: 'async' });
}, settledMs).unref();

export {};
