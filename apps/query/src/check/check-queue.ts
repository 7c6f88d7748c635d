import type { LedgerCheck, LedgerCheckJob } from '@loom/api-contract';
import { LoomError, toLoomError } from '@loom/errors';
import { newUuid } from '@loom/trace-schema';
import { FairTurns, withReadScope } from '@loom/trace-store';
import type { RecordCheck } from './record-check.ts';

/** Whose record is checked, and how. */
export interface CheckOrder {
  readonly organizationId: string;
  readonly projectId: string;
  readonly deep: boolean;
}

interface Job extends CheckOrder {
  state: LedgerCheckJob;
  readonly canceller: AbortController;
}

/** A check reads a whole project: two at a time, one of an organization, and one more of it may wait. */
const limits = { runningMax: 2, runningOfOwnerMax: 1, waitingOfOwnerMax: 1 };
/** Jobs that ended and are remembered; the oldest is forgotten first. */
const endedMax = 200;

/**
 * Runs checks of the record one after the other, in turns that are fair between organizations. A job lives in this
 * process: it ends with it, and only this process knows of it.
 */
export class CheckQueue {
  readonly #check: Pick<RecordCheck, 'run'>;
  readonly #turns = new FairTurns(limits);
  readonly #jobs = new Map<string, Job>();

  constructor(check: Pick<RecordCheck, 'run'>) {
    this.#check = check;
  }

  /**
   * Resolves with the result when it was the order's turn and everything is checked. Rejects with `rate_limited` when the
   * organization has a check running and one waiting, and with the signal's reason when that aborts.
   */
  run(
    { organizationId, projectId, deep }: CheckOrder,
    signal: AbortSignal,
    onProgress: (leaves: number, of: number) => void = () => undefined,
  ): Promise<LedgerCheck> {
    const scope = { owner: organizationId, signal };
    return this.#turns.pass(organizationId, signal, () =>
      withReadScope(scope, () => this.#check.run(projectId, { deep, signal, onProgress })),
    );
  }

  /** Begins a job, and returns it as it is then. Throws as {@link run} rejects. */
  async start(order: CheckOrder): Promise<LedgerCheckJob> {
    const canceller = new AbortController();
    const state: LedgerCheckJob = {
      ...{
        id: newUuid(),
        deep: order.deep,
        state: 'waiting',
        leaves: 0,
        ofLeaves: null,
        check: null,
        error: null,
      },
    };
    const job: Job = { ...order, canceller, state };
    const ended = this.run(order, canceller.signal, (leaves, ofLeaves) =>
      change(job, { state: 'running', leaves, ofLeaves }),
    ).then(
      (check) => change(job, { state: 'done', check }),
      (error: unknown) => {
        const { code, message } = toLoomError(error);
        if (code === 'rate_limited') throw error;
        change(job, code === 'client_closed' ? { state: 'cancelled' } : { state: 'failed', error: message });
      },
    );
    // A refusal comes at once; everything else is the job's to report.
    await Promise.race([ended, new Promise((resolve) => setImmediate(resolve))]);
    ended.catch(() => undefined);
    this.#remember(job);
    return job.state;
  }

  /** `not_found` for a job of another project, and one that is forgotten. */
  read(projectId: string, id: string): LedgerCheckJob {
    return this.#find(projectId, id).state;
  }

  cancel(projectId: string, id: string): LedgerCheckJob {
    const job = this.#find(projectId, id);
    job.canceller.abort(new LoomError('client_closed', 'the check was cancelled'));
    return job.state;
  }

  /** Cancels everything. */
  close(): void {
    for (const { canceller } of this.#jobs.values())
      canceller.abort(new LoomError('client_closed', 'the service stopped'));
  }

  #find(projectId: string, id: string): Job {
    const job = this.#jobs.get(id);
    if (job?.projectId === projectId) return job;
    throw new LoomError(
      'not_found',
      'there is no check with this id; one is known for as long as the service runs',
    );
  }

  #remember(job: Job): void {
    this.#jobs.set(job.state.id, job);
    const ended = [...this.#jobs.values()].filter(({ state }) => isEnded(state));
    for (const { state } of ended.slice(0, Math.max(0, ended.length - endedMax))) this.#jobs.delete(state.id);
  }
}

function change(job: Job, difference: Partial<LedgerCheckJob>): void {
  if (!isEnded(job.state)) job.state = { ...job.state, ...difference };
}

function isEnded({ state }: LedgerCheckJob): boolean {
  return state !== 'waiting' && state !== 'running';
}
