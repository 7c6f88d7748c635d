import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerStore } from '@loom/control-store';
import { isLoomError } from '@loom/errors';
import { columnOf, factTables } from '@loom/trace-schema/stored-columns';
import type { Deviation, DeviationQuery, TraceAuditor } from '@loom/trace-store';

export interface StoreCheckDeps {
  readonly ledger: Pick<LedgerStore, 'readProgress'>;
  readonly store: Pick<TraceAuditor, 'listEventIds' | 'listStrays' | 'findDeviations'>;
  /** Records that ledger and ingest have not taken in yet; null where that is not known. */
  readonly behind: () => Promise<number | null>;
}

const looksMax = 3;
const pauseMs = 1000;
const settleMsMax = 10_000;
const settleLookMs = 200;

/**
 * What the trace store has that no leaf tells of, and what it derives. Rows come while it looks: what is found has to be
 * there each time that it looks, once everything of before is taken in.
 */
export class StoreCheck {
  readonly #deps: StoreCheckDeps;

  constructor(deps: StoreCheckDeps) {
    this.#deps = deps;
  }

  async run(query: DeviationQuery): Promise<string[]> {
    let found = await this.#look(query);
    for (let looked = 1; found.length > 0 && looked < looksMax; looked += 1) {
      if (!(await this.#settled())) return [];
      await delay(pauseMs);
      const again = new Set(await this.#look(query));
      found = found.filter((finding) => again.has(finding));
    }
    return found;
  }

  async #settled(): Promise<boolean> {
    const deadline = performance.now() + settleMsMax;
    while (performance.now() < deadline) {
      if ((await this.#deps.behind()) === 0) return true;
      await delay(settleLookMs);
    }
    return false;
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

  async #unknown(projectId: string, table: (typeof factTables)[number]): Promise<string[]> {
    const found: string[] = [];
    for (let after = ''; ;) {
      const events = await this.#deps.store.listEventIds({ projectId, table, after });
      const last = events.at(-1);
      if (!last) return found;
      const ids = events.map(({ id }) => id);
      const { knownIds } = await this.#deps.ledger.readProgress({ projectId, emitters: [], ids });
      for (const { id, copies } of events) {
        if (!knownIds.has(id)) found.push(`${table} has a row of the event ${id}, and no leaf tells of it`);
        else if (copies > 1) found.push(`${table} has ${copies} rows of the event ${id}, which is one`);
      }
      after = last.id;
    }
  }

  async #strays(projectId: string, table: 'span_payloads' | 'span_texts'): Promise<string[]> {
    const spans = await this.#deps.store.listStrays({ projectId, table });
    return spans.map((span) => `${table} has rows of the span ${span}, which is of no call`);
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
