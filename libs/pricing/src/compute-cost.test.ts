import { describe, expect, it } from '@jest/globals';
import type { PriceEntry, PriceListRecord, Usage } from '@loom/trace-schema';
import fc from 'fast-check';
import { computeCost, type CostFacts } from './compute-cost.ts';
import { addDecimals, formatDecimal, parseDecimal, zero } from './decimal.ts';
import { PriceBook } from './price-book.ts';

const flat = (base: string) => ({ base, tiers: [] });

function entry(model: string, input: string, changes: Partial<PriceEntry> = {}): PriceEntry {
  return {
    model,
    match: [{ op: 'equals', value: model }],
    from: null,
    serviceTier: 'default',
    prices: { inputUncached: flat(input), cacheRead: flat('0.1'), outputText: flat('10') },
    ...changes,
  };
}

function list(entries: PriceEntry[], changes: Partial<PriceListRecord> = {}): PriceListRecord {
  return { id: 'l1', version: 'v1', provider: 'openai', organizationId: null, entries, ...changes };
}

const noUsage: Usage = {
  inputTokens: 0,
  cacheReadInputTokens: 0,
  cacheWriteInputTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0,
  outputAudioTokens: 0,
};

const nanos = (iso: string) => `${BigInt(Date.parse(iso)) * 1_000_000n}`;

function facts(changes: Partial<CostFacts> = {}): CostFacts {
  return {
    organizationId: 'org1',
    provider: 'openai',
    models: ['m1'],
    startTime: nanos('2026-05-01T12:00:00Z'),
    serviceTier: null,
    usage: { ...noUsage, inputTokens: 1000, outputTokens: 100 },
    usageSource: 'provider',
    ...changes,
  };
}

describe('computeCost', () => {
  const book = new PriceBook([list([entry('m1', '1')])]);

  it('prices each disjoint bucket once and names the price', () => {
    const usage = { ...noUsage, inputTokens: 1000, cacheReadInputTokens: 600, outputTokens: 100 };
    expect(computeCost(book, facts({ usage }))).toEqual({
      state: 'priced',
      reason: '',
      totalUsd: '0.00146',
      lines: [
        { bucket: 'inputUncached', quantity: 400, pricePerMillionUsd: '1', usd: '0.0004' },
        { bucket: 'cacheRead', quantity: 600, pricePerMillionUsd: '0.1', usd: '0.00006' },
        { bucket: 'outputText', quantity: 100, pricePerMillionUsd: '10', usd: '0.001' },
      ],
      priceBookVersion: 'v1',
      priceId: 'openai/m1',
      tier: 'default',
      estimated: false,
    });
  });

  it('sums to its lines and charges every token exactly once', () => {
    const count = fc.nat(2_000_000);
    const usages = fc.record({
      cacheRead: count,
      cacheWrite: count,
      audio: count,
      text: count,
      out: count,
      think: count,
    });
    fc.assert(
      fc.property(usages, ({ cacheRead, cacheWrite, audio, text, out, think }) => {
        const usage: Usage = {
          inputTokens: cacheRead + cacheWrite + audio + text,
          cacheReadInputTokens: cacheRead,
          cacheWriteInputTokens: cacheWrite,
          inputAudioTokens: audio,
          outputTokens: out + think,
          reasoningOutputTokens: think,
          outputAudioTokens: 0,
        };
        const cost = computeCost(book, facts({ usage }));
        const sum = cost.lines.reduce((total, { usd }) => addDecimals(total, parseDecimal(usd)), zero);
        expect(cost.totalUsd).toBe(formatDecimal(sum));
        expect(cost.lines.reduce((total, { quantity }) => total + quantity, 0)).toBe(
          usage.inputTokens + usage.outputTokens,
        );
      }),
    );
  });

  it('prices buckets without a price of their own as their parent', () => {
    const usage = {
      ...noUsage,
      inputTokens: 10,
      cacheWriteInputTokens: 10,
      outputTokens: 5,
      reasoningOutputTokens: 5,
    };
    const { lines } = computeCost(book, facts({ usage }));
    expect(lines.map(({ bucket, pricePerMillionUsd }) => [bucket, pricePerMillionUsd])).toEqual([
      ['cacheWrite', '1'],
      ['reasoning', '10'],
    ]);
  });

  it('prices the whole call at the context tier above its start, not at it', () => {
    const tiered = {
      base: '1',
      tiers: [
        { start: 200, price: '2' },
        { start: 500, price: '3' },
      ],
    };
    const tiers = new PriceBook([list([entry('m1', '1', { prices: { inputUncached: tiered } })])]);
    const cost = (inputTokens: number) => computeCost(tiers, facts({ usage: { ...noUsage, inputTokens } }));
    expect(cost(200)).toMatchObject({ totalUsd: '0.0002', tier: 'default' });
    expect(cost(201)).toMatchObject({ totalUsd: '0.000402', tier: 'context>200' });
    expect(cost(600)).toMatchObject({ totalUsd: '0.0018', tier: 'context>500' });
  });

  it('uses the price of the service tier and the default one for a tier without', () => {
    const tiers = new PriceBook([list([entry('m1', '1'), entry('m1', '0.5', { serviceTier: 'flex' })])]);
    expect(computeCost(tiers, facts({ serviceTier: 'flex' }))).toMatchObject({
      totalUsd: '0.0015',
      tier: 'service:flex',
    });
    expect(computeCost(tiers, facts({ serviceTier: 'scale' }))).toMatchObject({
      totalUsd: '0.002',
      tier: 'default',
    });
  });

  it('adds a fee per request where the price has one', () => {
    const fee = new PriceBook([
      list([entry('m1', '1', { prices: { inputUncached: flat('1'), requests: flat('5000') } })]),
    ]);
    expect(computeCost(fee, facts()).totalUsd).toBe('0.006');
  });

  it('says why there is no price', () => {
    expect(computeCost(book, facts({ models: ['unknown'] }))).toMatchObject({
      state: 'unpriced',
      reason: 'no_price',
    });
    expect(computeCost(book, facts({ provider: 'nobody' }))).toMatchObject({
      state: 'unpriced',
      reason: 'no_price',
    });
    expect(computeCost(book, facts({ usage: null }))).toMatchObject({
      state: 'unpriced',
      reason: 'no_usage',
    });
    expect(computeCost(book, facts({ usage: noUsage }))).toMatchObject({
      state: 'unpriced',
      reason: 'no_usage',
    });
  });

  it('marks the cost of estimated tokens', () => {
    expect(computeCost(book, facts({ usageSource: 'estimated' })).estimated).toBe(true);
  });

  it('prices the simulator at nothing', () => {
    const cost = computeCost(book, facts({ provider: 'sim', models: ['loom-sim'] }));
    expect(cost).toMatchObject({
      state: 'priced',
      totalUsd: '0',
      priceBookVersion: 'builtin',
      priceId: 'sim/loom-sim',
    });
  });
});

describe('PriceBook', () => {
  const found = (records: PriceListRecord[], changes: Partial<CostFacts> = {}) =>
    new PriceBook(records).find(facts(changes));

  it('changes price at the boundary of a UTC day', () => {
    const records = [list([entry('m1', '1'), entry('m1', '2', { from: '2026-05-01' })])];
    expect(found(records, { startTime: nanos('2026-04-30T23:59:59.999Z') })?.id).toBe('openai/m1');
    expect(found(records, { startTime: nanos('2026-05-01T00:00:00Z') })?.id).toBe('openai/m1@2026-05-01');
  });

  it('applies a price of certain hours only within them, also past midnight', () => {
    const night = entry('m1', '2', { hours: { start: '22:00', end: '06:30' } });
    const price = (time: string) =>
      found([list([entry('m1', '1'), night])], { startTime: nanos(`2026-05-01T${time}Z`) })?.entry.prices
        .inputUncached;
    expect(price('21:59:59')?.base).toBe('1');
    expect(price('22:00:00')?.base).toBe('2');
    expect(price('06:29:59')?.base).toBe('2');
    expect(price('06:30:00')?.base).toBe('1');
  });

  it('takes the newest version by number, whatever the order', () => {
    const [old, recent] = [
      list([entry('m1', '1')], { version: 'p-0.1.9' }),
      list([entry('m1', '2')], { version: 'p-0.1.10' }),
    ];
    expect(found([recent, old])?.version).toBe('p-0.1.10');
    expect(found([old, recent])?.version).toBe('p-0.1.10');
    expect(new PriceBook([recent, old]).version).toBe('p-0.1.10');
  });

  it("lets an organization's own price win, for that organization alone, and falls back for other models", () => {
    const own = list([entry('m1', '7')], { organizationId: 'org1', version: 'a-own' });
    const book = [list([entry('m1', '1'), entry('m2', '1')], { version: 'z' }), own];
    expect(found(book)?.entry.prices.inputUncached?.base).toBe('7');
    expect(found(book, { organizationId: 'org2' })?.entry.prices.inputUncached?.base).toBe('1');
    expect(found(book, { models: ['m2'] })?.version).toBe('z');
  });

  it("takes an organization's lists of one version together, and its own price by the day", () => {
    const own = (id: string, model: string, price: string, from: string) =>
      list([entry(model, price, { from })], { id, organizationId: 'org1', version: 'override' });
    const records = [
      list([entry('m1', '1'), entry('m2', '1')]),
      own('a', 'm1', '7', '2026-05-01'),
      own('b', 'm2', '8', '2026-05-01'),
      own('c', 'm1', '9', '2026-06-01'),
    ];
    const price = (model: string, day: string) =>
      found(records, { models: [model], startTime: nanos(`${day}T12:00:00Z`) })?.entry.prices.inputUncached
        ?.base;
    expect([price('m1', '2026-04-30'), price('m1', '2026-05-01'), price('m1', '2026-06-01')]).toEqual([
      '1',
      '7',
      '9',
    ]);
    expect(price('m2', '2026-05-02')).toBe('8');
  });

  it('looks for the served model before the requested one', () => {
    const records = [list([entry('m1', '1'), entry('m2', '2')])];
    expect(found(records, { models: ['m2', 'm1'] })?.entry.model).toBe('m2');
    expect(found(records, { models: ['unknown', 'm1'] })?.entry.model).toBe('m1');
  });

  it.each([
    ['equals', 'gpt-x', 'GPT-X', 'gpt-x1'],
    ['starts_with', 'GPT', 'gpt-x', 'a-gpt'],
    ['ends_with', ':free', 'x:free', 'x:freed'],
    ['contains', 'mini', 'gpt-mini-2', 'gpt-max'],
    ['regex', '^gpt-\\d$', 'gpt-4', 'gpt-44'],
  ] as const)('matches %s %s', (op, value, yes, no) => {
    const records = [list([entry('m', '1', { match: [{ op, value }] })])];
    expect(found(records, { models: [yes] })).not.toBeNull();
    expect(found(records, { models: [no] })).toBeNull();
  });

  it('reads a date without dashes as the same model', () => {
    const records = [list([entry('m-2024-08-06', '1')])];
    expect(found(records, { models: ['m-20240806'] })).not.toBeNull();
  });

  it('knows a provider by its kind and by its well-known name', () => {
    const records = [list([entry('m1', '1')], { provider: 'mistral' })];
    expect(found(records, { provider: 'mistral_ai' })?.id).toBe('mistral/m1');
    expect(found(records, { provider: 'mistral' })?.id).toBe('mistral/m1');
  });

  it('refuses a regex that does not compile, and any regex in an override', () => {
    const bad = entry('m', '1', { match: [{ op: 'regex', value: '(' }] });
    expect(() => new PriceBook([list([bad])])).toThrow('price rule regex "("');
    const override = list([entry('m', '1', { match: [{ op: 'regex', value: 'm' }] })], {
      organizationId: 'org1',
    });
    expect(() => new PriceBook([override])).toThrow('may not be a regex');
  });
});
