import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { PriceBook } from '@loom/pricing';
import { openTraceStore, type TraceStore } from '@loom/trace-store';
import { runSeed } from './seed-run.ts';
import { type SeedPlan, seedTraces } from './seed-traces.ts';

const plan: SeedPlan = {
  spans: 1500,
  days: 10,
  seed: 7,
  endMs: 1_790_000_000_000,
  organizationId: 'default',
  projectId: 'seeded',
  keyIds: { search: 'k-search' },
  recordedSpans: 100,
};
const book = new PriceBook([
  {
    id: 'l',
    version: 'v1',
    provider: 'openai',
    organizationId: null,
    entries: [
      {
        model: 'gpt-4o-mini',
        match: [{ op: 'starts_with', value: 'gpt-4o-mini' }],
        from: null,
        serviceTier: 'default',
        prices: { inputUncached: { base: '0.15', tiers: [] }, outputText: { base: '0.6', tiers: [] } },
      },
    ],
  },
]);

describe('seedTraces', () => {
  it('makes the same traces of the same plan, and others of another seed', () => {
    const first = [...seedTraces(plan)];
    expect([...seedTraces(plan)]).toEqual(first);
    const idsOf = (seed: number) =>
      [...seedTraces({ ...plan, seed })].map(({ spans }) => spans[0]?.row.traceId);
    expect(idsOf(8)).not.toEqual(first.map(({ spans }) => spans[0]?.row.traceId));
  });

  it('makes exactly as many spans as asked for, in the time asked for, with parents in their trace', () => {
    const traces = [...seedTraces(plan)];
    expect(traces.flatMap(({ spans }) => spans)).toHaveLength(plan.spans);
    const oldest = BigInt(plan.endMs - plan.days * 86_400_000) * 1_000_000n;
    for (const { spans } of traces) {
      const ids = new Set(spans.map(({ row }) => row.spanId));
      for (const { row } of spans) {
        expect(BigInt(row.startTime)).toBeGreaterThanOrEqual(oldest);
        expect(row.parentSpanId === '' || ids.has(row.parentSpanId)).toBe(true);
      }
      expect(spans.filter(({ row }) => row.parentSpanId === '')).toHaveLength(1);
    }
  });

  it('has calls that failed and some that were refused, which called no provider', () => {
    const rows = [...seedTraces({ ...plan, spans: 20_000 })].flatMap(({ spans }) =>
      spans.map(({ row }) => row),
    );
    const refused = rows.filter(({ outcome }) => outcome === 'refused');
    expect(refused.length).toBeGreaterThan(10);
    expect(refused.every(({ attempts }) => attempts.length === 0)).toBe(true);
    const errors = rows.filter(({ outcome }) => outcome === 'failed' || outcome === 'refused');
    expect(errors.length / rows.length).toBeGreaterThan(0.015);
    expect(errors.length / rows.length).toBeLessThan(0.045);
  });

  it('has one trace of 5,000 spans when there is room for it', () => {
    const sizes = [...seedTraces({ ...plan, spans: 20_000 })].map(({ spans }) => spans.length);
    expect(Math.max(...sizes)).toBe(5000);
    expect(sizes.filter((size) => size > 40)).toHaveLength(1);
  });
});

describe('runSeed', () => {
  let engines: TestEngines;
  let store: TraceStore;
  beforeAll(async () => {
    engines = await startTestEngines();
    store = await openTraceStore(new URL(engines.traceStoreUrl));
  });
  afterAll(async () => {
    await store.close();
    await engines.stop();
  });

  it('writes rows that the store takes and whose sums agree, once, however often it runs', async () => {
    const report = await runSeed({ plan, book, store, progress: () => undefined });
    expect(report).toMatchObject({ spans: plan.spans });
    await runSeed({ plan, book, store, progress: () => undefined });
    const sums = await store.reconcile({ projectId: plan.projectId });
    expect(sums.spans).toMatchObject({ rows: plan.spans, distinct: plan.spans });
    expect(sums.rollup).toEqual({ requests: plan.spans, tokens: sums.spans.tokens });
    expect(sums.facets.spans).toBe(plan.spans);
    expect(sums.spansByTrace).toEqual({ rows: plan.spans, tokens: sums.spans.tokens });
    expect(sums.costsByTrace).toEqual({ rows: sums.costs.rows, totalUsd: sums.costs.totalUsd });
    expect(sums.costs.rows).toBe(sums.costRollup.rows);
    expect(sums.costs.totalUsd).toBe(sums.costRollup.totalUsd);
    expect(Number(sums.costs.totalUsd)).toBeGreaterThan(0);
  });

  it('has the bytes of hostile requests as they are', async () => {
    const hostile = [...seedTraces(plan)].find(({ showcase }) => showcase === 'hostile content');
    const [, broken] = hostile?.spans ?? [];
    const { projectId, spanId } = broken!.row;
    const [stored] = await store.readPayloads({ projectId, spanIds: [spanId], part: 'request' });
    expect(stored?.data).toEqual(broken!.content?.request);
    expect(stored?.data?.toString('utf8')).toContain('\ufffd');
  });
});
