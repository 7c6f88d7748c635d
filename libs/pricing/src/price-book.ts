import { LoomError } from '@loom/errors';
import {
  millisOfNanos,
  type PriceEntry,
  type PriceListRecord,
  providerNameOf,
  type TieredPrice,
} from '@loom/trace-schema';
import { compileModelMatcher, type ModelMatcher } from './model-matcher.ts';

const modelCharsMax = 256;
const cachedAnswersMax = 10_000;

export interface PriceQuery {
  readonly organizationId: string;
  /** The provider's kind or its `gen_ai.provider.name`: `mistral` and `mistral_ai` are the same. */
  readonly provider: string;
  /** Names to look for, the best first: served, routed, requested. The first that has a price decides. */
  readonly models: readonly string[];
  /** Start of the call, unix nanoseconds. */
  readonly startTime: string;
  /** The tier that served the call, or null for the default one. */
  readonly serviceTier: string | null;
}

export interface FoundPrice {
  readonly entry: PriceEntry;
  /** Version of the list that the entry is from. */
  readonly version: string;
  /** `<provider>/<model>`, with `@<from>` when the price is dated. */
  readonly id: string;
  /** The organization's own price. */
  readonly isCustom: boolean;
}

interface Candidate {
  readonly entry: PriceEntry;
  readonly matches: ModelMatcher;
}

interface PriceList {
  readonly version: string;
  readonly provider: string;
  readonly isCustom: boolean;
  readonly candidates: readonly Candidate[];
}

const minutesPerDay = 1440;
const nanosPerMinute = 60_000_000_000n;

const free: TieredPrice = { base: '0', tiers: [] };

/** The simulator costs nothing, and says so with a price of its own. */
const builtinList: PriceListRecord = {
  id: 'builtin/sim',
  version: 'builtin',
  provider: 'sim',
  organizationId: null,
  entries: [
    {
      model: 'loom-sim',
      match: [{ op: 'starts_with', value: '' }],
      from: null,
      serviceTier: 'default',
      prices: { inputUncached: free, outputText: free, cacheRead: free, cacheWrite: free },
    },
  ],
};

/**
 * Finds the price of a call. Immutable: a new price list means a new book.
 *
 * An organization's own lists win over the deployment's; of several versions of one provider's list the newest counts,
 * and an organization's lists of one version are one list.
 * The first entry of the list that matches the model name decides which model it is; among that model's entries the
 * newest `from` that is not after the call's UTC day applies (a later entry of the same day first), if its hours fit.
 * An entry of the call's service tier goes before a default one.
 */
export class PriceBook {
  /** Newest version of the deployment's lists; `builtin` when there are none. Part of every cost event's id. */
  readonly version: string;
  readonly #lists = new Map<string, PriceList>();
  readonly #cache = new Map<string, readonly FoundPrice[]>();

  /** Throws `invalid_request` when an entry has a rule that cannot be compiled. */
  constructor(records: readonly PriceListRecord[]) {
    this.version = records
      .filter((record) => record.organizationId === null)
      .reduce(
        (newest, record) => (compareVersions(record.version, newest) > 0 ? record.version : newest),
        '',
      );
    this.version ||= builtinList.version;
    for (const record of [builtinList, ...records]) this.#add(record);
  }

  find(query: PriceQuery): FoundPrice | null {
    const minute = Number((BigInt(query.startTime) / nanosPerMinute) % BigInt(minutesPerDay));
    for (const model of query.models) {
      const prices = this.#pricesOf(query, model.toLowerCase().slice(0, modelCharsMax));
      const inForce = prices.filter(({ entry }) => isWithinHours(entry, minute));
      const found =
        inForce.find(({ entry }) => entry.serviceTier === query.serviceTier?.toLowerCase()) ??
        inForce.find(({ entry }) => entry.serviceTier === 'default');
      if (found) return found;
    }
    return null;
  }

  #add(record: PriceListRecord): void {
    const provider = providerNameOf(record.provider);
    const key = listKey(record.organizationId, provider);
    const known = this.#lists.get(key);
    if (known && compareVersions(record.version, known.version) < 0) return;
    const candidates = record.entries.map((entry) => {
      if (record.organizationId !== null && entry.match.some(({ op }) => op === 'regex')) {
        throw new LoomError(
          'invalid_request',
          `price override ${entry.model}: a rule may not be a regex; use equals, starts_with, ends_with or contains`,
        );
      }
      return { entry, matches: compileModelMatcher(entry.match) };
    });
    const joined =
      record.organizationId !== null && known?.version === record.version ? known.candidates : [];
    const { version, provider: listed } = record;
    const isCustom = record.organizationId !== null;
    this.#lists.set(key, { version, provider: listed, isCustom, candidates: [...joined, ...candidates] });
  }

  /** All prices of the model that may apply on that day, the newest first; an organization's own before others. */
  #pricesOf(query: PriceQuery, model: string): readonly FoundPrice[] {
    const provider = model === 'loom-sim' ? 'sim' : providerNameOf(query.provider);
    const override = this.#lists.get(listKey(query.organizationId, provider));
    const day = dayOf(query.startTime);
    const cacheKey = `${override ? query.organizationId : ''}\n${provider}\n${day}\n${model}`;
    const cached = this.#cache.get(cacheKey);
    if (cached) return cached;
    const lists = [override, this.#lists.get(listKey(null, provider))];
    const prices = lists.flatMap((list) => (list ? pricesIn(list, model, day) : []));
    if (this.#cache.size >= cachedAnswersMax) this.#cache.clear();
    this.#cache.set(cacheKey, prices);
    return prices;
  }
}

function pricesIn(list: PriceList, model: string, day: string): FoundPrice[] {
  const first =
    list.candidates.find(({ matches }) => matches(model)) ?? matchWithDashedDate(list.candidates, model);
  if (!first) return [];
  return list.candidates
    .map(({ entry }) => entry)
    .filter((entry) => entry.model === first.entry.model && (entry.from === null || entry.from <= day))
    .reverse()
    .sort((a, b) => compareText(b.from ?? '', a.from ?? ''))
    .map((entry) => ({
      entry,
      version: list.version,
      id: `${list.provider}/${entry.model}${entry.from === null ? '' : `@${entry.from}`}`,
      isCustom: list.isCustom,
    }));
}

/** Some providers write `-20240806` where the price list has `-2024-08-06`. */
function matchWithDashedDate(candidates: readonly Candidate[], model: string): Candidate | undefined {
  const dashed = model.replace(/(-)(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g, '$1$2-$3-$4');
  return dashed === model ? undefined : candidates.find(({ matches }) => matches(dashed));
}

function isWithinHours({ hours }: PriceEntry, minute: number): boolean {
  if (!hours) return true;
  const [start, end] = [minuteOf(hours.start), minuteOf(hours.end)];
  return start <= end ? minute >= start && minute < end : minute >= start || minute < end;
}

function minuteOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
}

function dayOf(unixNanos: string): string {
  return new Date(millisOfNanos(unixNanos)).toISOString().slice(0, 10);
}

function listKey(organizationId: string | null, provider: string): string {
  return `${organizationId ?? ''}\n${provider}`;
}

/** Versions compare by their numbers: 0.1.10 is newer than 0.1.9. */
function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
