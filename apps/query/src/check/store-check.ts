import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerStore } from '@loom/control-store';
import { isLoomError } from '@loom/errors';
import type { StreamMark } from '@loom/event-stream';
import { columnOf, type FactTable, factTableOf, factTables } from '@loom/trace-schema/stored-columns';
import type { Deviation, DeviationQuery, TraceAuditor } from '@loom/trace-store';
import { isPassed, notCompared } from './settled.ts';

export interface StoreCheckDeps {
  readonly ledger: Pick<LedgerStore, 'kindsOf'>;
  readonly store: Pick<TraceAuditor, 'listEventIds' | 'listStrays' | 'findDeviations'>;
  /** Records that ledger and ingest have not taken in yet; null where that is not known. */
  readonly behind: () => Promise<number | null>;
  /** Marks where the stream is: see `isPassed`. */
  readonly mark: () => Promise<StreamMark>;
}

/** A table and what is derived of it are not written in one step: under steady traffic a look may fall between the two. */
const looksMax = 12;
const looksMin = 3;
const pauseMsMax = 1000;

/**
 * What the trace store has that no leaf tells of, and what it derives. Rows come while it looks: what is found has to be
 * there each time that it looks, after everything that was on its way at the time of the look was taken in. It looks more
 * often while calls come.
 */
export class StoreCheck {
  readonly #deps: StoreCheckDeps;

  constructor(deps: StoreCheckDeps) {
    this.#deps = deps;
  }

  async run(query: DeviationQuery): Promise<string[]> {
    let found = await this.#look(query);
    for (let looked = 1; found.length > 0 && looked < looksMax; looked += 1) {
      if (!(await isPassed(await this.#deps.mark()))) return [...found, notCompared];
      const isQuiet = await this.#isQuiet();
      await delay(pauseMsMax * Math.random()); // not in step with the batches of ingest
      const again = new Set(await this.#look(query));
      found = found.filter((finding) => again.has(finding));
      if (looked + 1 >= looksMin && isQuiet && (await this.#isQuiet())) break;
    }
    return found;
  }

  async #isQuiet(): Promise<boolean> {
    return (await this.#deps.behind()) === 0;
  }

  async #look(query: DeviationQuery): Promise<string[]> {
    const { projectId } = query;
    const found: string[] = [];
    for (const table of factTables) found.push(...(await readable(table, () => this.#unknown(projectId, table)))); // prettier-ignore
    for (const table of ['span_payloads', 'span_texts'] as const)
      found.push(...(await readable(table, () => this.#strays(projectId, table))));
    const deviations = await this.#deps.store.findDeviations(query);
    return [...found, ...deviations.map(inWords)];
  }

  async #unknown(projectId: string, table: FactTable): Promise<string[]> {
    const found: string[] = [];
    for (let after: string | null = null; ;) {
      const events = await this.#deps.store.listEventIds({ projectId, table, after });
      const last = events.at(-1);
      if (!last) return found;
      const ids = events.map(({ id }) => id);
      const kinds = await this.#deps.ledger.kindsOf(projectId, ids);
      for (const { id, copies } of events) {
        const kind = kinds.get(id);
        if (kind === undefined) found.push(`${table} has a row of the event ${id}, and no leaf tells of it`);
        else if (factTableOf(kind) !== table)
          found.push(`${table} has a row of the event ${id}, a ${kind}, which gives none there`);
        else if (copies > 1) found.push(`${table} has ${copies} rows of the event ${id}, which is one`);
      }
      after = last.id;
    }
  }

  async #strays(projectId: string, table: 'span_payloads' | 'span_texts'): Promise<string[]> {
    const strays = await this.#deps.store.listStrays({ projectId, table });
    return strays.map(
      ({ spanId, part }) => `${table} has a ${part} of the span ${spanId}, and no call gives one`,
    );
  }
}

/** Damage of one table is a finding. */
async function readable(table: string, look: () => Promise<string[]>): Promise<string[]> {
  try {
    return await look();
  } catch (error) {
    if (!isLoomError(error) || error.code !== 'internal') throw error;
    return [`${table} cannot be read as a whole`];
  }
}

const whats = {
  added: 'nothing that is stored gives such a row',
  missing: 'the row is not there, and what is stored gives one',
} as const;

function inWords({ table, row, what, fields }: Deviation): string {
  if (what === 'unreadable') return `${table} cannot be read as a whole`;
  const key = Object.entries(row)
    .map(([field, value]) => `${columnOf(field)} ${value}`)
    .join(', ');
  const how =
    what === 'changed' ? `not what is derived of it: ${fields.map(columnOf).join(', ')}` : whats[what];
  return `${table}, ${key}: ${how}`;
}
