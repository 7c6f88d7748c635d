import { openTraceStore } from '@loom/trace-store';
import { type SeedReport, runSeed } from './seed-run.ts';
import { connectOperator, featureKeys, readPriceBook, readTraceStoreUrl } from './seed-target.ts';

export interface SeedOptions {
  readonly home: string;
  readonly spans: number;
  readonly days: number;
  readonly seed: number;
  readonly project: string;
  /** The newest calls are shortly before it; absent: before now. Unix milliseconds. */
  readonly end?: number;
  /** Null: of the deployment in `home`. */
  readonly traceStoreUrl: string | null;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const organizationId = 'default';
const minuteMs = 60_000;

/**
 * Fills the queryable store of the deployment in `home` with made-up calls. They are in no stream and in no ledger: a
 * store that is built again does not have them.
 */
export async function seedDeployment(options: SeedOptions): Promise<SeedReport> {
  const { home, spans, days, seed, project: projectId } = options;
  const operator = await connectOperator(home);
  const keyIds = await featureKeys(operator, projectId);
  const book = await readPriceBook(home);
  const store = await openTraceStore(new URL(options.traceStoreUrl ?? (await readTraceStoreUrl(home))));
  const endMs = Math.floor((options.end ?? Date.now()) / minuteMs) * minuteMs;
  const recordedSpans = Math.min(20_000, Math.ceil(spans / 10));
  const startedMs = performance.now();
  let shownMs = startedMs;
  try {
    return await runSeed({
      plan: { spans, days, seed, endMs, organizationId, projectId, keyIds, recordedSpans },
      book,
      store,
      signal: options.signal,
      progress: (written) => {
        const nowMs = performance.now();
        if (nowMs - shownMs < 5000) return;
        shownMs = nowMs;
        const rate = Math.round(written / ((nowMs - startedMs) / 1000));
        options.progress(
          `${written.toLocaleString('en')} of ${spans.toLocaleString('en')} spans, ${rate} a second`,
        );
      },
    });
  } finally {
    await store.close();
  }
}

export function formatSeedReport({ spans, traces, recordedSpans, showcases }: SeedReport): string {
  return [
    `${spans} spans in ${traces} traces, ${recordedSpans} of them with requests and answers.`,
    'They are in the queryable store alone: the stream and the ledger do not have them.',
    ...showcases.map(
      (showcase) => `  ${showcase.name.padEnd(16)} ${showcase.traceId}  ${showcase.spans} spans`,
    ),
  ].join('\n');
}
