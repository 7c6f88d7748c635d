import { describe, expect, it } from '@jest/globals';
import type { LedgerCheck, LedgerCheckJob, LoomClient } from '@loom/api-contract';
import { runDeepCheck } from './run-check.ts';

const check = { ok: true, problems: [], logs: [] } as unknown as LedgerCheck;
const waiting: LedgerCheckJob = {
  ...{ id: 'c1', deep: true, state: 'waiting', leaves: 0, ofLeaves: null, check: null, error: null },
};

/** A deployment whose job goes through these states. */
function deployment(states: readonly Partial<LedgerCheckJob>[]) {
  const asked: string[] = [];
  const left = [...states];
  const client = {
    startLedgerCheck: () => (asked.push('start'), Promise.resolve(waiting)),
    getLedgerCheck: () => (asked.push('get'), Promise.resolve({ ...waiting, ...left.shift() })),
    cancelLedgerCheck: () => (asked.push('cancel'), Promise.resolve(waiting)),
  } as unknown as LoomClient;
  return { client, asked };
}

describe('loom fsck --deep', () => {
  const never = new AbortController().signal;

  it('follows its job to the end, and shows how far it is', async () => {
    const { client } = deployment([
      { state: 'running', leaves: 5, ofLeaves: 9 },
      { state: 'done', check },
    ]);
    const shown: string[] = [];
    expect(await runDeepCheck(client, never, ({ state, leaves }) => shown.push(`${state} ${leaves}`))).toBe(
      check,
    );
    expect(shown).toEqual(['waiting 0', 'running 5', 'done 0']);
  });

  it('reports a job that failed, with its reason', async () => {
    const { client } = deployment([{ state: 'failed', error: 'the store is down' }]);
    await expect(runDeepCheck(client, never, () => undefined)).rejects.toThrow('failed: the store is down');
  });

  it('cancels its job when it is interrupted', async () => {
    const { client, asked } = deployment([]);
    const interrupt = new AbortController();
    const running = runDeepCheck(client, interrupt.signal, () => interrupt.abort());
    await expect(running).rejects.toMatchObject({ code: 'client_closed' });
    expect(asked).toEqual(['start', 'cancel']);
  });
});
