import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { LedgerCheck } from '@loom/api-contract';
import { readScope } from '@loom/trace-store';
import { CheckQueue } from './check-queue.ts';
import type { CheckOptions } from './record-check.ts';

const result = { ok: true, problems: [], logs: [] } as unknown as LedgerCheck;

/** Checks that run until they are told to end. */
function queueOfChecks() {
  const running = new Map<
    string,
    CheckOptions & { readonly end: (error?: Error) => void; readonly owner: string }
  >();
  const queue = new CheckQueue({
    run: (projectId, options) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => {
          running.delete(projectId);
          if (error) reject(error);
          else resolve(result);
        };
        options.signal.addEventListener('abort', () => end(options.signal.reason as Error));
        running.set(projectId, { ...options, end, owner: readScope()?.owner ?? '' });
      }),
  });
  const order = (organizationId: string, projectId: string) => ({ organizationId, projectId, deep: true });
  return { queue, running, order };
}

describe('CheckQueue', () => {
  it('runs a job with its progress, for its organization', async () => {
    const { queue, running, order } = queueOfChecks();
    const { id, state } = await queue.start(order('o', 'p'));
    expect(['waiting', 'running']).toContain(state);
    expect(running.get('p')).toMatchObject({ deep: true, owner: 'o' });
    running.get('p')?.onProgress(256, 1000);
    expect(queue.read('p', id)).toMatchObject({ state: 'running', leaves: 256, ofLeaves: 1000, check: null });
    running.get('p')?.end();
    await setImmediate();
    expect(queue.read('p', id)).toMatchObject({ state: 'done', check: result });
  });

  it('runs one of an organization, lets one wait, and refuses the next, while another organization goes on', async () => {
    const { queue, running, order } = queueOfChecks();
    await queue.start(order('o', 'p1'));
    const waiting = await queue.start(order('o', 'p2'));
    await expect(queue.start(order('o', 'p3'))).rejects.toMatchObject({
      ...{ code: 'rate_limited', retryAfterMs: expect.any(Number) },
    });
    await queue.start(order('other', 'q'));
    expect([...running.keys()]).toEqual(['p1', 'q']);
    expect(queue.read('p2', waiting.id).state).toBe('waiting');
    running.get('p1')?.end();
    await setImmediate();
    expect([...running.keys()]).toEqual(['q', 'p2']);
  });

  it('cancels what runs and what waits, and reports what failed', async () => {
    const { queue, running, order } = queueOfChecks();
    const [first, second] = [await queue.start(order('o', 'p1')), await queue.start(order('o', 'p2'))];
    queue.cancel('p2', second.id);
    queue.cancel('p1', first.id);
    await setImmediate();
    expect([queue.read('p1', first.id).state, queue.read('p2', second.id).state]).toEqual([
      'cancelled',
      'cancelled',
    ]);
    expect(running.size).toBe(0);
    const third = await queue.start(order('o', 'p3'));
    running.get('p3')?.end(new Error('broken'));
    await setImmediate();
    expect(queue.read('p3', third.id)).toMatchObject({ state: 'failed', check: null });
  });

  it('shows a job to its own project alone', async () => {
    const { queue, order } = queueOfChecks();
    const { id } = await queue.start(order('o', 'p'));
    expect(() => queue.read('q', id)).toThrow(expect.objectContaining({ code: 'not_found' }));
    expect(() => queue.cancel('q', id)).toThrow(expect.objectContaining({ code: 'not_found' }));
  });
});
