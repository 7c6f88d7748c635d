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

  it('prices buckets without a price of their own as their parent, and says which; reasoning is output', () => {
    const usage = {
      ...noUsage,
      inputTokens: 10,
      cacheWriteInputTokens: 10,
      outputTokens: 5,
      reasoningOutputTokens: 5,
    };
    const { lines, state, reason, missing } = computeCost(book, facts({ usage }));
    expect({ state, reason, missing }).toEqual({
      ...{ state: 'partial', reason: 'incomplete_price', missing: ['cacheWrite'] },
    });
    expect(lines.map(({ bucket, pricedAs }) => [bucket, pricedAs])).toEqual([
      ['cacheWrite', 'inputUncached'],
      ['reasoning', undefined],
    ]);
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

  it('uses the price of the service tier, and says of a tier without one that it is missing', () => {
    const tiers = new PriceBook([list([entry('m1', '1'), entry('m1', '0.5', { serviceTier: 'flex' })])]);
    expect(computeCost(tiers, facts({ serviceTier: 'flex' }))).toMatchObject({
      totalUsd: '0.0015',
      tier: 'service:flex',
    });
    expect(computeCost(tiers, facts({ serviceTier: 'Scale' }))).toMatchObject({
      ...{ totalUsd: '0.002', tier: 'default', state: 'partial', missing: ['serviceTier:scale'] },
    });
  });

  it.each([null, '', 'default', 'standard', 'auto', 'on_demand', 'ON_DEMAND'])(
    'knows the tier %j as the standard one',
    (serviceTier) => {
      expect(computeCost(book, facts({ serviceTier }))).toMatchObject({ state: 'priced', tier: 'default' });
    },
  );

  describe('of details', () => {
    const usage = (details: Usage['details']): Usage => ({
      ...{ ...noUsage, inputTokens: 1000, cacheWriteInputTokens: 400, outputTokens: 100 },
      ...(details ? { details } : {}),
    });
    const priced = (changes: PriceEntry['prices'], factors?: PriceEntry['factors']) =>
      new PriceBook([
        list([
          entry('m1', '1', {
            prices: { inputUncached: flat('1'), outputText: flat('10'), cacheWrite: flat('1.25'), ...changes },
            ...(factors ? { factors } : {}),
          }),
        ]),
      ]); // prettier-ignore

    it('takes a part out of its bucket and prices it on its own', () => {
      const cost = computeCost(priced({ cacheWrite1h: flat('2') }), facts({ usage: usage({ parts: { cacheWrite1h: 300 } }) })); // prettier-ignore
      // 600 at $1, 100 at $1.25, 300 at $2 and 100 at $10 per million.
      expect(cost).toMatchObject({ state: 'priced', totalUsd: '0.002325' });
      expect(cost.lines.map(({ bucket, quantity }) => [bucket, quantity])).toEqual([
        ['inputUncached', 600],
        ['cacheWrite', 100],
        ['outputText', 100],
        ['cacheWrite1h', 300],
      ]);
    });

    it('prices no token twice when a part is told larger than its bucket', () => {
      const parts = { cacheWrite1h: 9000, inputImage: 700, inputVideo: 5 };
      const { lines } = computeCost(priced({}), facts({ usage: usage({ parts }) }));
      expect(lines.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(1100);
    });

    it('sums to its lines whatever the parts are', () => {
      const names = fc.constantFrom('cacheWrite1h', 'cacheReadAudio', 'inputImage', 'outputImage', 'inputX');
      fc.assert(
        fc.property(fc.dictionary(names, fc.nat(3000)), fc.dictionary(names, fc.nat(9)), (parts, uses) => {
          const told = usage({ parts, uses });
          const { lines, totalUsd } = computeCost(priced({ inputImage: flat('3'), inputX: flat('7') }), facts({ usage: told })); // prettier-ignore
          const sum = lines.reduce((total, { usd }) => addDecimals(total, parseDecimal(usd)), zero);
          expect(totalUsd).toBe(formatDecimal(sum));
        }),
      );
    });

    it('prices uses by the piece, and names those without a price', () => {
      const uses = { webSearches: 3, codeExecutions: 1, somethingNew: 2 };
      const cost = computeCost(priced({ webSearches: flat('10000') }), facts({ usage: usage({ uses }) }));
      expect(cost).toMatchObject({
        ...{ state: 'partial', missing: ['codeExecutions', 'somethingNew'], totalUsd: '0.0321' },
      });
    });

    it('multiplies tokens by the factors of all terms, and not what is sold by the piece', () => {
      const book = priced(
        { webSearches: flat('10000') },
        { 'speed:fast': { tokens: '6' }, 'geo:us': { tokens: '1.1', outputText: '2' } },
      );
      const details = { terms: { speed: 'fast', geo: 'us' }, uses: { webSearches: 1 } };
      // (600 × 1 + 400 × 1.25) × 6.6 + 100 × 10 × 12 + 10,000 millionths.
      expect(computeCost(book, facts({ usage: usage(details) }))).toMatchObject({
        ...{ state: 'priced', totalUsd: '0.02926', tier: 'speed:fast geo:us' },
      });
    });

    it('keeps the figure of the provider, and takes it where the book does not have the whole price', () => {
      const said = usage({ reportedUsd: '0.5' });
      expect(computeCost(priced({}), facts({ usage: said }))).toMatchObject({
        ...{ state: 'priced', reason: '', totalUsd: '0.0021', reportedUsd: '0.5' },
      });
      expect(computeCost(priced({}), facts({ usage: said, models: ['other'] }))).toMatchObject({
        ...{ state: 'priced', reason: 'reported', totalUsd: '0.5', lines: [] },
      });
      const search = usage({ reportedUsd: '0.5', uses: { webSearches: 1 } });
      expect(computeCost(priced({}), facts({ usage: search }))).toMatchObject({
        ...{ state: 'priced', reason: 'reported', totalUsd: '0.5', missing: ['webSearches'] },
      });
    });

    it('reads a custom price without a price of the cache as it was entered: as input', () => {
      const custom = new PriceBook([
        list([entry('m1', '1', { prices: { inputUncached: flat('1'), outputText: flat('10') } })], {
          organizationId: 'org1',
        }),
      ]);
      expect(computeCost(custom, facts({ usage: usage(undefined) }))).toMatchObject({
        ...{ state: 'priced', totalUsd: '0.002' },
      });
      const hour = usage({ parts: { cacheWrite1h: 1 } });
      expect(computeCost(custom, facts({ usage: hour }))).toMatchObject({ missing: ['cacheWrite1h'] });
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
