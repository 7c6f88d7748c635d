import type { PriceBook } from '@loom/pricing';
import type { TraceWriter } from '@loom/trace-store';
import { seedBatch } from './seed-batch.ts';
import { type SeedPlan, type SeededTrace, seedTraces } from './seed-traces.ts';
import type { SeededSpan } from './seeded-span.ts';

export interface SeedReport {
  readonly spans: number;
  readonly traces: number;
  readonly recordedSpans: number;
  readonly showcases: readonly { readonly name: string; readonly traceId: string; readonly spans: number }[];
}

export interface SeedRunOptions {
  readonly plan: SeedPlan;
  readonly book: PriceBook;
  readonly store: TraceWriter;
  readonly progress: (spans: number) => void;
  readonly signal?: AbortSignal;
}

const batchSpansMax = 2000;
const batchBytesMax = 8 * 1024 * 1024;
const writesInFlightMax = 2;

/** Makes and writes all traces of the plan. A run that was cut short, begun again, writes what is missing. */
export async function runSeed({ plan, book, store, progress, signal }: SeedRunOptions): Promise<SeedReport> {
  const showcases: { name: string; traceId: string; spans: number }[] = [];
  const inFlight = new Set<Promise<void>>();
  let counts = { spans: 0, traces: 0, recordedSpans: 0 };
  for (const { spans, traces } of batches(seedTraces(plan))) {
    signal?.throwIfAborted();
    showcases.push(...traces.flatMap(showcaseOf));
    const writing = store.writeBatch(seedBatch(spans, book)).finally(() => inFlight.delete(writing));
    inFlight.add(writing);
    if (inFlight.size >= writesInFlightMax) await Promise.race(inFlight);
    counts = {
      spans: counts.spans + spans.length,
      traces: counts.traces + traces.length,
      recordedSpans: counts.recordedSpans + spans.filter(({ content }) => content).length,
    };
    progress(counts.spans);
  }
  await Promise.all(inFlight);
  return { ...counts, showcases };
}

function showcaseOf({ spans, showcase }: SeededTrace): SeedReport['showcases'][number][] {
  const traceId = spans[0]?.row.traceId ?? '';
  return showcase === null ? [] : [{ name: showcase, traceId, spans: spans.length }];
}

/** A batch ends with the span that fills it; a trace counts where its last span is. */
function* batches(traces: Iterable<SeededTrace>): Generator<{ spans: SeededSpan[]; traces: SeededTrace[] }> {
  let batch: { spans: SeededSpan[]; traces: SeededTrace[] } = { spans: [], traces: [] };
  let bytes = 0;
  for (const trace of traces) {
    for (const span of trace.spans) {
      if (batch.spans.length >= batchSpansMax || bytes >= batchBytesMax) {
        yield batch;
        batch = { spans: [], traces: [] };
        bytes = 0;
      }
      batch.spans.push(span);
      bytes += 1500 + (span.content ? span.content.request.length + (span.content.response?.length ?? 0) : 0);
    }
    batch.traces.push(trace);
  }
  if (batch.spans.length > 0) yield batch;
}
