import type { NewPrice, Price, routes } from '@loom/api-contract';
import type { ControlStore } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import type { Principal } from '@loom/service-kit';
import { newUuid, type PriceEntry, type PriceListRecord, providerNameOf } from '@loom/trace-schema';
import type { z } from 'zod';

export interface PriceRegistryDeps {
  readonly store: ControlStore;
  readonly now?: () => number;
}

type PriceValue = z.output<typeof Price>;
type ListQuery = z.output<typeof routes.listPrices.query>;

/** Lists of overrides of one version are joined by the price book; its own lists replace each other by version. */
const overrideVersion = 'override';
const overridesMax = 500;

/** The price book, and the organization's own prices that go before it. */
export class PriceRegistry {
  readonly #store: ControlStore;
  readonly #now: () => number;
  /** The book is long and seldom changes. */
  #read: { readonly version: number; readonly lists: readonly PriceListRecord[] } | null = null;

  constructor({ store, now }: PriceRegistryDeps) {
    this.#store = store;
    this.#now = now ?? Date.now;
  }

  async list({ organizationId }: Principal, { provider, search, cursor, limit }: ListQuery) {
    if (cursor !== undefined && !/^\d{1,9}$/.test(cursor))
      throw new LoomError('invalid_request', 'the cursor is not one of this list', { param: 'cursor' });
    const lists = await this.#listsOf(organizationId);
    const text = search?.toLowerCase() ?? '';
    const all = pricesOf(lists, new Date(this.#now()).toISOString().slice(0, 10));
    const found = all.filter(
      (price) =>
        (provider === undefined || price.provider === provider) && price.model.toLowerCase().includes(text),
    );
    const start = Number(cursor ?? 0);
    const end = start + limit;
    const book = lists.filter((list) => list.organizationId === null).map(({ version }) => version);
    return {
      priceBookVersion: book.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? 'builtin',
      providers: [...new Set(lists.map((list) => list.provider))].sort(),
      prices: found.slice(start, end),
      nextCursor: end < found.length ? String(end) : null,
    };
  }

  async create({ organizationId, actor }: Principal, body: z.output<typeof NewPrice>): Promise<PriceValue> {
    const lists = await this.#listsOf(organizationId);
    const provider = knownProvider(lists, body.provider);
    const own = lists.filter((list) => list.organizationId !== null);
    if (own.length >= overridesMax)
      throw new LoomError('conflict', `an organization has at most ${overridesMax} own prices`);
    const list = toPriceList(organizationId, provider, body);
    const [entry] = list.entries;
    const taken = own.some(
      (one) =>
        providerNameOf(one.provider) === providerNameOf(provider) &&
        one.entries.some(({ model, from }) => model === entry?.model && from === body.from),
    );
    if (taken) throw new LoomError('conflict', `${body.model} has an own price from ${body.from} on already`);
    await this.#store.actingAs(actor).createPriceOverride(list);
    const today = new Date(this.#now()).toISOString().slice(0, 10);
    const created = pricesOf([...own, list], today).find(({ id }) => id === list.id);
    if (!created) throw new LoomError('internal', 'the price was stored and is not listed');
    return created;
  }

  async delete({ organizationId, actor }: Principal, id: string): Promise<{ ok: true }> {
    await this.#store.actingAs(actor).deletePriceOverride({ organizationId, id });
    return { ok: true };
  }

  async #listsOf(organizationId: string): Promise<PriceListRecord[]> {
    const version = await this.#store.currentVersion(); // before the lists: they are of it, or newer
    if (this.#read?.version !== version) this.#read = { version, lists: await this.#store.listPriceLists() };
    return this.#read.lists.filter(
      (list) => list.organizationId === null || list.organizationId === organizationId,
    );
  }
}

function toPriceList(
  organizationId: string,
  provider: string,
  body: z.output<typeof NewPrice>,
): PriceListRecord & { organizationId: string } {
  const model = body.model.toLowerCase();
  const flat = (base: string | null, bucket: string) =>
    base === null ? {} : { [bucket]: { base, tiers: [] } };
  const prices: PriceEntry['prices'] = {
    ...flat(body.inputPerMillionUsd, 'inputUncached'),
    ...flat(body.outputPerMillionUsd, 'outputText'),
    ...flat(body.cacheReadPerMillionUsd, 'cacheRead'),
    ...flat(body.cacheWritePerMillionUsd, 'cacheWrite'),
  };
  for (const [bucket, base] of Object.entries(body.furtherPerMillionUsd))
    prices[bucket] ??= { base, tiers: [] };
  const match = [{ op: 'equals' as const, value: model }];
  const entry = { model, match, from: body.from, serviceTier: 'default', prices };
  return { id: newUuid(), version: overrideVersion, provider, organizationId, entries: [entry] };
}

function knownProvider(lists: readonly PriceListRecord[], provider: string): string {
  const known = [...new Set(lists.map((list) => list.provider))];
  if (/^[a-z0-9][a-z0-9._-]*$/.test(provider)) return provider;
  throw new LoomError('invalid_request', `"${provider}" is no provider; known: ${known.join(', ')}`, {
    param: 'provider',
  });
}

/** Own ones first; by provider and model, the newest day first. */
function pricesOf(lists: readonly PriceListRecord[], today: string): PriceValue[] {
  const rows = lists.flatMap(({ id, organizationId, provider, entries }) =>
    entries.map(({ model, from, serviceTier, prices }) => ({
      ...{ id: organizationId === null ? null : id, provider, model, from, serviceTier, prices },
      key: `${providerNameOf(provider)}\n${model}\n${serviceTier}`,
    })),
  );
  const inForce = new Map<string, string>();
  for (const { id, key, from } of rows) {
    if ((from ?? '') > today) continue;
    const rank = `${id === null ? 0 : 1}${from ?? ''}`;
    if (rank > (inForce.get(key) ?? '')) inForce.set(key, rank);
  }
  return rows
    .sort(
      (a, b) =>
        Number(a.id === null) - Number(b.id === null) ||
        compareText(a.provider, b.provider) ||
        compareText(a.model, b.model) ||
        compareText(b.from ?? '', a.from ?? ''),
    )
    .map(({ key, ...price }) => ({
      ...price,
      inForce: inForce.get(key) === `${price.id === null ? 0 : 1}${price.from ?? ''}`,
    }));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
