import { once } from 'node:events';
import { LoomError } from '@loom/errors';
import type { Shape } from './chat-fixture.ts';
import type { Child } from './child-process.ts';

/** One load on one target. Closed loop with `rate: null`: each connection asks again when it is answered. */
export interface LoadSpec {
  readonly url: string;
  readonly shape: Shape;
  readonly authorization: string | null;
  readonly seconds: number;
  readonly connections: number;
  /** Open loop: requests per second at random (Poisson) times, whatever the target does. */
  readonly rate: number | null;
}

export interface LoadResult {
  /** Answers that came whole: status 200 and every byte. */
  readonly answered: number;
  /** Everything else. */
  readonly failed: number;
  readonly seconds: number;
  /** From the request's hand-over to the last byte of its answer. Milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Lets the load process make one load; resolves when its last answer is there, rejects when the process ends before. */
export async function runLoad(load: Child<object>, spec: LoadSpec): Promise<LoadResult> {
  const over = new AbortController();
  const { signal } = over;
  load.process.send(spec);
  try {
    return await Promise.race([
      once(load.process, 'message', { signal }).then(([result]) => result as LoadResult),
      once(load.process, 'exit', { signal }).then(() => {
        throw new LoomError('unavailable', 'the load process ended in the middle of a load');
      }),
    ]);
  } finally {
    over.abort();
  }
}
