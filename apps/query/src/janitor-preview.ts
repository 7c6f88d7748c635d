import type { ErasedRows, TraceJanitor } from '@loom/trace-store';
import { nanosOfMillis } from '@loom/trace-schema';

const dayMs = 86_400_000;

export class JanitorPreview {
  readonly #store: Pick<TraceJanitor, 'countErasable'>;

  constructor(store: Pick<TraceJanitor, 'countErasable'>) {
    this.#store = store;
  }

  erasure(projectId: string, userId: string): Promise<ErasedRows> {
    return this.#store.countErasable({ projectId, users: [userId], before: nanosOfMillis(Date.now()) });
  }

  /** By whole UTC days, as the runs go. */
  async retention(
    projectId: string,
    {
      contentDays,
      metadataDays,
    }: { readonly contentDays?: number | undefined; readonly metadataDays?: number | undefined },
  ): Promise<ErasedRows> {
    const today = Math.floor(Date.now() / dayMs);
    const count = async (days: number | undefined, what: 'content' | 'metadata') => {
      if (days === undefined) return { spans: 0, payloads: 0 };
      return this.#store.countErasable({
        projectId,
        what,
        before: nanosOfMillis(Math.max(0, today - days) * dayMs),
      });
    };
    const { payloads } = await count(contentDays, 'content');
    const { spans } = await count(metadataDays, 'metadata');
    return { spans, payloads };
  }
}
