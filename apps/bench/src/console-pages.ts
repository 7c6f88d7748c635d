import { existsSync } from 'node:fs';
import { LoomError } from '@loom/errors';
import { chromium, type Page } from 'playwright-core';
import { median } from './statistics.ts';

export interface PageRow {
  readonly name: string;
  readonly medianMs: number;
  readonly slowestMs: number;
}

export interface PagesOptions {
  readonly consoleUrl: string;
  readonly email: string;
  readonly password: string;
  /** A trace with many spans; null leaves it out. */
  readonly traceId: string | null;
  readonly signal: AbortSignal;
}

/** What someone does on a page, from the click to the frame that shows the answer. Each input is asked for once. */
interface Deed {
  readonly name: string;
  readonly path: string;
  /** Inputs, one a run: texts of buttons, or parts of the URL's query. */
  readonly inputs: readonly string[];
  readonly act: 'click' | 'query';
  /** Is there as soon as the answer is shown, and not before. */
  readonly shown: string;
}

const rows = '[role=table]:not([aria-busy=true]) [role=row][aria-rowindex]';
const overview = '[data-page=overview][aria-busy=false]';
const candidates = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const waitMs = 30_000;

const deeds: readonly Deed[] = [
  { name: 'overview: other group', path: '?range=7d', act: 'click', inputs: ['Provider', 'Key', 'Project'], shown: overview },
  { name: 'overview: other time', path: '?range=7d', act: 'query', inputs: ['range=24h', 'range=6h', 'range=30d'], shown: overview },
  { name: 'list: other time', path: '/traces?range=7d', act: 'query', inputs: ['range=24h', 'range=6h', 'range=30d'], shown: rows },
  {
    name: 'list: filter',
    path: '/traces?range=7d',
    act: 'query',
    inputs: ['filter=status:error', 'filter=model:gpt-4o*', 'filter=cost:>0.01', 'filter=latency:>20s'],
    shown: rows,
  },
  { name: 'facet: click', path: '/traces?range=7d', act: 'click', inputs: ['failed', 'openai', 'execute_tool'], shown: rows },
]; // prettier-ignore

/** Drives the console of a running deployment in Chromium: milliseconds from a deed to what it shows. */
export async function measurePages(options: PagesOptions): Promise<PageRow[]> {
  const executablePath = candidates.find((path) => existsSync(path));
  if (executablePath === undefined)
    throw new LoomError('config_invalid', `no Chromium: looked for ${candidates.join(', ')}`);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  options.signal.addEventListener('abort', () => void browser.close());
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await signIn(page, options);
    const project = new URL(page.url()).pathname;
    const measured: PageRow[] = [];
    for (const deed of deeds) measured.push(await measureDeed(page, options.consoleUrl + project, deed));
    if (options.traceId !== null)
      measured.push(await measureTrace(page, options.consoleUrl + project, options.traceId));
    return measured;
  } finally {
    await browser.close();
  }
}

async function signIn(page: Page, { consoleUrl, email, password }: PagesOptions): Promise<void> {
  await page.goto(`${consoleUrl}/sign-in`);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(/\/p\/[^/]+$/);
}

async function measureDeed(
  page: Page,
  base: string,
  { name, path, act, inputs, shown }: Deed,
): Promise<PageRow> {
  const times: number[] = [];
  for (const input of inputs) {
    await page.goto(base + path);
    await page.waitForSelector(shown, { timeout: waitMs });
    await page.waitForLoadState('networkidle');
    times.push(await page.evaluate(inPage, { act, input, shown, waitMs }));
  }
  return rowOf(name, times);
}

/** By its link, from nothing to the first span that is shown. */
async function measureTrace(page: Page, base: string, traceId: string): Promise<PageRow> {
  const times: number[] = [];
  for (let run = 0; run < 3; run += 1) {
    const startedMs = performance.now();
    await page.goto(`${base}/traces/${traceId}`, { waitUntil: 'commit' });
    await page.waitForSelector('[role=treeitem]', { timeout: waitMs });
    times.push(performance.now() - startedMs);
  }
  return rowOf('trace with many spans, whole page', times);
}

function rowOf(name: string, times: readonly number[]): PageRow {
  return { name, medianMs: median([...times]), slowestMs: Math.max(...times) };
}

interface InPage {
  readonly act: Deed['act'];
  readonly input: string;
  readonly shown: string;
  readonly waitMs: number;
}

/** Runs in the page. What was asked for shows as busy first: only then is `shown` about the new answer. */
async function inPage({ act, input, shown, waitMs }: InPage): Promise<number> {
  // The compiler knows Node here, not the browser.
  const browser = globalThis as unknown as {
    document: {
      querySelector(selector: string): unknown;
      querySelectorAll(selector: string): Iterable<{ textContent: string; click(): void }>;
    };
    history: { pushState(state: null, title: string, url: string): void };
    requestAnimationFrame(callback: () => void): void;
  };
  const isShown = () => Boolean(browser.document.querySelector(shown));
  const startedMs = performance.now();
  if (act === 'query')
    browser.history.pushState(null, '', input.startsWith('range=') ? `?${input}` : `?range=7d&${input}`);
  else
    [...browser.document.querySelectorAll('button')]
      .find(({ textContent }) => textContent.startsWith(input))
      ?.click();
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (holds()) resolve();
        else if (performance.now() - startedMs > waitMs) reject(new Error(`"${input}" showed nothing`));
        else browser.requestAnimationFrame(look);
      };
      browser.requestAnimationFrame(look);
    });
  await until(() => !isShown());
  await until(isShown);
  return performance.now() - startedMs;
}

export function formatPageRows(rows: readonly PageRow[]): string {
  const line = (name: string, middle: string, slowest: string) =>
    `${name.padEnd(36)} ${middle.padStart(9)} ${slowest.padStart(11)}`;
  return [
    line('in the browser', 'median ms', 'slowest ms'),
    ...rows.map(({ name, medianMs, slowestMs }) => line(name, medianMs.toFixed(0), slowestMs.toFixed(0))),
  ].join('\n');
}
