import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SmallDisk } from '@loom/testkit';
import { Deployment, eventually, onServers, startMsMax } from './testing/deployment.ts';

// Only root may mount; the engines are embedded only on one machine.
const disk = onServers ? null : SmallDisk.mount(320);

let loom: Deployment;
beforeAll(async () => {
  if (disk) loom = await Deployment.start({}, disk.path);
}, 2 * startMsMax);
afterAll(async () => {
  if (disk) await loom.destroy();
  disk?.unmount();
});

interface Answer {
  readonly status: number;
  readonly message: string;
}

async function readyz(): Promise<Answer> {
  const { queryUrl } = await loom.runtime();
  const response = await fetch(`${queryUrl}/readyz`, { signal: AbortSignal.timeout(5_000) });
  const { error } = (await response.json()) as { error?: { message: string } };
  return { status: response.status, message: error?.message ?? '' };
}

const isReady = ({ status }: Answer) => status === 200;
const isNotReady = ({ status }: Answer) => status === 503;

async function killEngines(): Promise<void> {
  const { pids } = await loom.runtime();
  const pid = pids['engineHost'];
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // it is dead already
  }
}

(disk ? describe : describe.skip)('/readyz of the backend', () => {
  it('fails within its bound while the engines are paused, and names no engine and no path', async () => {
    await eventually(readyz, isReady);
    const { pids } = await loom.runtime();
    const engines = pids['engineHost'] ?? 0;
    process.kill(engines, 'SIGSTOP');
    try {
      const { message } = await eventually(readyz, isNotReady);
      expect(message).toBe('not ready: the trace store timed out; the control store timed out');
    } finally {
      process.kill(engines, 'SIGCONT');
    }
    await eventually(readyz, isReady);
  });

  it(
    'fails while the engines are gone, and is ready when they are back',
    async () => {
      // Their next life begins within a second: killed again until the backend has been asked without them.
      const { message } = await eventually(async () => {
        await killEngines();
        return readyz();
      }, isNotReady);
      expect(message).toMatch(/^not ready: the (trace|control) store (is unavailable|timed out)/);
      expect(message).not.toMatch(/ECONN|127\.0\.0\.1|\//);
      await eventually(readyz, isReady, startMsMax);
    },
    2 * startMsMax,
  );

  it('fails while the disk is full, says so, and is ready when there is room', async () => {
    disk?.fill();
    const { message } = await eventually(readyz, isNotReady);
    expect(message).toContain('the disk of the data directory is full');
    expect(message).not.toContain(loom.home);
    disk?.free();
    await eventually(readyz, isReady);
  });
});
