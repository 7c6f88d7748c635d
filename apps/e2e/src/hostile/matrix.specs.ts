import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ConsoleWorld } from '../testing/console-world.ts';
import { type Asked, type Cell, callersOf, cellsOf, hiddenMarks, requestOf, verdictsOf } from './matrix.ts';
import type { Tenant, Tenants } from './tenants.ts';

const atOnce = 8;
const answerMsMax = 20_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

export function matrixSpecs(world: () => ConsoleWorld, founded: () => Tenants): void {
  describe('every route, asked by every caller for every tenant', () => {
    let tenants: Tenants;
    let cells: Cell[];
    const answers = new Map<Cell, Answer>();
    beforeAll(async () => {
      tenants = founded();
      cells = cellsOf(await callersOf(world(), tenants), process.env.LOOM_TEST_SOAK === '1');
    });

    it('answers as the contract says, and shows nothing of what is hidden', async () => {
      expect(cells.length).toBeGreaterThan(4_000);
      const before = await stateOf(tenants);
      const faults: string[] = [];
      await inParallel(cells, async (cell) => {
        const asked = requestOf(cell, tenants);
        const answer = await ask(world(), cell, asked);
        answers.set(cell, answer);
        const fault = faultOf(cell, asked, answer, tenants);
        if (fault)
          faults.push(`${labelOf(cell)}: ${fault} (${asked.method} ${asked.path} → ${answer.status})`);
      });
      expect({ count: faults.length, faults: faults.slice(0, 20) }).toEqual({ count: 0, faults: [] });
      expect(await stateOf(tenants)).toEqual(before);
    }, 300_000);

    it('answers for what is of another organization as for what is nowhere', () => {
      const pairs = cells.filter(({ aim, caller }) => aim.endsWith('zebra') && caller.home === 'own' && !caller.organizations.includes('zebra')); // prettier-ignore
      expect(pairs.length).toBeGreaterThan(500);
      const told = pairs.map((cell) => {
        const aim = cell.aim === 'zebra' ? 'nobody' : 'stray nobody';
        const twin = cells.find((one) => one.aim === aim && one.name === cell.name && one.caller === cell.caller && one.way === cell.way); // prettier-ignore
        return { cell: labelOf(cell), theirs: wordsOf(cell, tenants, answers), none: twin && wordsOf(twin, tenants, answers) }; // prettier-ignore
      });
      expect(told.filter(({ theirs, none }) => theirs !== none)).toEqual([]);
    });
  });
}

const labelOf = ({ name, caller, aim, way }: Cell) => `${name} by ${caller.name} for ${aim} ${way}`;

function faultOf(cell: Cell, asked: Asked, { status, text }: Answer, tenants: Tenants): string | null {
  const verdicts = verdictsOf(cell);
  if (status >= 500) return 'failed';
  const refused = status === 401 || status === 403;
  if (verdicts[0] === 'in' ? refused : verdicts[0] !== 'public' && !verdicts.includes(status as 401))
    return `expected ${verdicts.join(' or ')}`;
  const given = asked.path + (asked.body ?? '');
  const marks = hiddenMarks(cell);
  const ids = [tenants.own, tenants.sister, tenants.zebra]
    .filter(({ mark }) => marks.includes(mark))
    .flatMap((tenant) => Object.values(tenant.ids))
    .filter((id) => id.length > 8 && !given.includes(id));
  const shown = [...marks, ...ids].find((one) => text.toLowerCase().includes(one.toLowerCase()));
  return shown === undefined ? null : `shows ${shown}`;
}

async function ask(world: ConsoleWorld, { route, way }: Cell, asked: Asked): Promise<Answer> {
  const { consoleUrl, queryUrl, controlUrl } = world.runtime;
  const direct = route.service === 'query' ? queryUrl : controlUrl;
  const base = way === 'direct' ? direct : `${consoleUrl}/api/${route.service}`;
  const { path, ...init } = asked;
  const { host } = new URL(consoleUrl);
  const headers = way === 'direct' ? { ...init.headers, 'x-forwarded-host': host } : init.headers;
  const response = await fetch(base + path, { ...init, headers, signal: AbortSignal.timeout(answerMsMax) });
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
  if (isStream) await response.body?.cancel();
  return { status: response.status, text: isStream ? '' : await response.text() };
}

/** An answer without what the request itself said. */
function wordsOf(cell: Cell, tenants: Tenants, answers: ReadonlyMap<Cell, Answer>): string {
  const { status = 0, text = '' } = answers.get(cell) ?? {};
  if (verdictsOf(cell)[0] === 'in' || verdictsOf(cell)[0] === 'public') return 'let in';
  const { path } = requestOf(cell, tenants);
  const parts = path.split(/[/?&=]/).filter((part) => part.length > 3);
  return parts.reduce((words, part) => words.replaceAll(part, '…'), `${status} ${text}`);
}

/** All that people have configured, as its owner sees it. */
async function stateOf({ own, sister, zebra }: Tenants): Promise<unknown> {
  const of = async ({ client }: Tenant) => ({
    keys: (await client.listKeys()).keys,
    providers: (await client.listProviders()).providers,
    aliases: (await client.listAliases()).aliases,
    projects: (await client.listProjects()).projects,
    prices: (await client.listPrices({ query: { limit: 20 } })).prices.filter(({ id }) => id !== null),
    views: (await client.listViews()).views,
    members: (await client.listMembers()).members,
    invitations: (await client.listInvitations()).invitations,
    erasures: (await client.listErasures()).erasures,
  });
  return { own: await of(own), sister: await of(sister), zebra: await of(zebra) };
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let item = items[next++]; item; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
