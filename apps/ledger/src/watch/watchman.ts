import type { LedgerStore, UnsealedChange } from '@loom/control-store';
import { type Envelope, recordText, verifierOf, writeVerifierKey } from '@loom/ledger';
import type { Signer } from '@loom/signer';
import { systemProjectId } from '@loom/trace-schema';
import { type Commitments, leafOfEnvelope } from '../seal/commitments.ts';
import type { LogAppender } from '../seal/log-appender.ts';

export interface WatchmanDeps {
  readonly store: LedgerStore;
  readonly signer: Signer;
  readonly appender: Pick<LogAppender, 'append'>;
  readonly commitments: Commitments;
  /** A missing number is told of after so long, and a call without its end. Milliseconds. */
  readonly gapAfterMs: number;
  readonly orphanAfterMs: number;
  readonly now?: () => number;
}

const changesMax = 500;
const heartbeatMs = 3_600_000;

/**
 * Makes leaves of what no event tells of: numbers that never came, calls that never ended, changes of control, new keys,
 * hours in which nothing happened. Each has an id of its own, so that several watchmen tell of a thing once.
 */
export class Watchman {
  readonly #deps: WatchmanDeps;

  constructor(deps: WatchmanDeps) {
    this.#deps = deps;
  }

  async look(): Promise<void> {
    await this.#tellKeys();
    await this.#tellChanges();
    await this.#tellGaps();
    await this.#tellEnds();
    await this.#tellOrphans();
    await this.#tellHeartbeats();
  }

  get #now(): number {
    return (this.#deps.now ?? Date.now)();
  }

  #derive(envelope: Omit<Envelope, 'v' | 'time'>, time = this.#now) {
    return { place: null, leaf: leafOfEnvelope({ v: 1, time, ...envelope }) };
  }

  async #tellKeys(): Promise<void> {
    const keys = (await this.#deps.signer.keys()).map((key) => writeVerifierKey(verifierOf(key)));
    await this.#deps.appender.append(
      systemProjectId,
      keys.map((vkey) =>
        this.#derive({
          project: systemProjectId,
          id: `key/${vkey.split('+')[1] ?? ''}`,
          kind: 'key.rotated',
          resource: vkey,
        }),
      ),
    );
  }

  async #tellChanges(): Promise<void> {
    const changes = await this.#deps.store.listUnsealedChanges(changesMax);
    for (const [projectId, own] of Map.groupBy(changes, (change) => change.projectId ?? systemProjectId)) {
      const leaves = await Promise.all(own.map((change) => this.#leafOfChange(projectId, change)));
      await this.#deps.appender.append(projectId, leaves.map((leaf) => ({ place: null, leaf }))); // prettier-ignore
    }
  }

  #leafOfChange(
    project: string,
    { id, timeMs: time, actorId: actor, action, resourceId, record }: UnsealedChange,
  ) {
    const envelope: Envelope = {
      ...{ v: 1, project, id: `control/${id}`, kind: 'control.changed', time },
      ...{ actor: actor.slice(0, 120), action, resource: resourceId.slice(0, 120) },
    };
    return this.#deps.commitments.leafOf({
      envelope,
      parts: [{ part: 'record', opening: Buffer.from(recordText(record)) }],
      salt: { bucket: 'control', beganAtMs: time },
    });
  }

  async #tellGaps(): Promise<void> {
    const overdue = this.#now - this.#deps.gapAfterMs;
    const gaps = (await this.#deps.store.listGaps(null)).filter(
      (gap) => !gap.isSealed && gap.noticedAtMs <= overdue,
    );
    for (const { projectId: project, ...gap } of gaps) {
      const { emitter, from, to } = gap;
      const id = `gap/${emitter}/${from}-${to}`;
      const entry = this.#derive({ project, id, kind: 'capture.gap', emitter, from, to });
      await this.#deps.appender.append(project, [{ ...entry, tellsGap: gap }]);
    }
  }

  /** The last numbers of an emitter that is closed, and never came: as if the next one had come. */
  async #tellEnds(): Promise<void> {
    const { store, appender, gapAfterMs } = this.#deps;
    for (const { projectId, emitter, lastSeq } of await store.listOverdueEnds(this.#now - gapAfterMs)) {
      await appender.append(projectId, [{ place: { emitter, seq: lastSeq + 1 }, leaf: null }]);
    }
    await store.dropReachedEnds();
  }

  async #tellOrphans(): Promise<void> {
    const { store, appender, orphanAfterMs } = this.#deps;
    for (const { projectId: project, callId } of await store.listOverdueCalls(this.#now - orphanAfterMs)) {
      const entry = this.#derive({ project, id: `${callId}/orphaned`, kind: 'capture.orphaned', callId });
      await appender.append(project, [{ ...entry, orphansCall: callId }]);
    }
  }

  async #tellHeartbeats(): Promise<void> {
    const hour = Math.floor(this.#now / heartbeatMs);
    for (const { projectId: project, size, appendedAtMs } of await this.#deps.store.listHeads()) {
      if (size === 0 || this.#now - appendedAtMs < heartbeatMs) continue;
      await this.#deps.appender.append(project, [this.#derive({ project, id: `heartbeat/${hour}`, kind: 'heartbeat' })]); // prettier-ignore
    }
  }
}
