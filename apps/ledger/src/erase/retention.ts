import type { DueRetention, LedgerStore } from '@loom/control-store';
import type { Logger } from '@loom/telemetry';
import type { ErasedRows, TraceJanitor } from '@loom/trace-store';
import { nanosOfMillis } from '@loom/trace-schema';
import { leafOfEnvelope } from '../seal/commitments.ts';
import type { KeyFiles } from '../seal/key-files.ts';
import type { LogAppender } from '../seal/log-appender.ts';

export interface RetentionDeps {
  readonly store: Pick<
    LedgerStore,
    'listRetentions' | 'listBucketKeys' | 'deleteBucketKeys' | 'rewriteBucketKeys' | 'noteRetention'
  >;
  readonly traceStore: Pick<TraceJanitor, 'erase' | 'countErasable'>;
  readonly appender: Pick<LogAppender, 'append'>;
  readonly keyFiles: Pick<KeyFiles, 'remove'> | null;
  readonly logger: Logger;
  readonly now: () => number;
}

const dayMs = 86_400_000;

/**
 * Takes out what is older than its project keeps it, by whole UTC days, and says so in a leaf: without it a missing
 * payload is a missing payload. The leaf comes first: after a crash between the two it is the rows that are still there.
 */
export class RetentionRuns {
  readonly #deps: RetentionDeps;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
  }

  async round(): Promise<void> {
    for (const due of await this.#deps.store.listRetentions()) await this.#run(due);
  }

  get #now(): number {
    return this.#deps.now();
  }

  async #run({
    projectId,
    contentDays,
    metadataDays,
    contentBeforeMs,
    metadataBeforeMs,
  }: DueRetention): Promise<void> {
    const content = this.#cut(contentDays, contentBeforeMs);
    const metadata = this.#cut(metadataDays, metadataBeforeMs);
    if (content === contentBeforeMs && metadata === metadataBeforeMs) return;
    const counts = await this.#count(projectId, { content, metadata });
    const { store, appender, keyFiles, logger } = this.#deps;
    const envelope = {
      ...{ v: 1 as const, project: projectId, kind: 'retention.run', time: this.#now, counts },
      id: `retention/${content ?? 'none'}/${metadata ?? 'none'}`,
      ...(content === null ? {} : { contentBefore: content }),
      ...(metadata === null ? {} : { metadataBefore: metadata }),
    };
    await appender.append(projectId, [{ place: null, leaf: leafOfEnvelope(envelope) }]);
    if (content !== null) {
      const daysBefore = new Date(content).toISOString().slice(0, 10);
      const keys = (await store.listBucketKeys(projectId, { daysBefore })).map(({ keyId }) => keyId);
      await keyFiles?.remove(keys); // first: a run that a crash cut short finds the same keys again
      await store.deleteBucketKeys(keys);
      if (keys.length > 0) await store.rewriteBucketKeys();
      await this.#deps.traceStore.erase({ projectId, before: nanosOfMillis(content), what: 'content' });
    }
    if (metadata !== null)
      await this.#deps.traceStore.erase({ projectId, before: nanosOfMillis(metadata), what: 'metadata' });
    await store.noteRetention({
      projectId,
      contentBeforeMs: content,
      metadataBeforeMs: metadata,
      ranAtMs: this.#now,
    });
    logger.info({ projectId, ...counts }, 'retention ran');
  }

  async #count(
    projectId: string,
    { content, metadata }: { readonly content: number | null; readonly metadata: number | null },
  ): Promise<Record<string, number>> {
    const none: ErasedRows = { spans: 0, payloads: 0 };
    const count = (before: number | null, what: 'content' | 'metadata') =>
      before === null
        ? none
        : this.#deps.traceStore.countErasable({ projectId, before: nanosOfMillis(before), what });
    const [{ payloads }, { spans }] = await Promise.all([
      count(content, 'content'),
      count(metadata, 'metadata'),
    ]);
    return { payloads, spans };
  }

  /** The beginning of the first day that is kept; never earlier than it was. */
  #cut(days: number | null, before: number | null): number | null {
    if (days === null) return before;
    const cut = (Math.floor(this.#now / dayMs) - days) * dayMs;
    return Math.max(cut, before ?? 0);
  }
}
