import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { eventually } from './deployment.ts';

export interface VisitOptions {
  /** The console's origin. */
  readonly url: string;
  /** Session cookie, as `name=value`; null: nobody is signed in. */
  readonly cookie: string | null;
  readonly theme?: 'light' | 'dark';
  readonly size?: 'desktop' | 'phone';
}

export const sizes = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
} as const;
const waitMs = 20_000;
/** Places that wait for their content, and animations that end. */
const stillMoving = `[
  ...Array.from(document.querySelectorAll('[aria-busy=true], .animate-pulse.bg-raised'), (one) => one.className),
  ...document.getAnimations()
    .filter((one) => one.playState === 'running' && one.effect.getTiming().iterations !== Infinity)
    .map(() => 'animation'),
]`;

/** Someone at the console in a browser of their own. What a page should not do is written down as a complaint. */
export class Visit {
  readonly page: Page;
  /** Errors on the page's console, uncaught errors, dialogs, requests to other origins. */
  readonly complaints: string[] = [];
  readonly #context: BrowserContext;
  readonly #url: string;
  /** A call is not in the log in its first seconds; one that was made up in the store never is. */
  readonly #expected: RegExp[] = [/\b404 .*\/v1\/ledger\/receipts\//];

  private constructor(context: BrowserContext, page: Page, url: string) {
    this.#context = context;
    this.#url = url;
    this.page = page;
    this.#watch(page);
  }

  static async begin(browser: Browser, options: VisitOptions): Promise<Visit> {
    const { url, cookie, theme = 'light', size = 'desktop' } = options;
    const context = await browser.newContext({
      viewport: sizes[size],
      colorScheme: theme,
      locale: 'en-GB',
      timezoneId: 'UTC',
      reducedMotion: 'reduce',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    context.setDefaultTimeout(waitMs);
    const [name = '', value = ''] = cookie?.split(/=(.*)/s) ?? [];
    if (cookie !== null) await context.addCookies([{ name, value, url, httpOnly: true, sameSite: 'Lax' }]);
    return new Visit(context, await context.newPage(), url);
  }

  /** A second tab of the same person. */
  async tab(): Promise<Page> {
    const page = await this.#context.newPage();
    this.#watch(page);
    return page;
  }

  /** What the test brings about on purpose is no complaint. */
  expectComplaint(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  /** Goes there and waits until the page has loaded, or only until its answer has begun. */
  async goto(path: string, waitUntil: 'load' | 'commit' = 'load'): Promise<void> {
    await this.page.goto(this.#url + path, { waitUntil });
  }

  /** The first of what is meant, once it can be seen. */
  async sees(wanted: string | RegExp | Locator): Promise<Locator> {
    const locator =
      typeof wanted === 'string' || wanted instanceof RegExp ? this.page.getByText(wanted) : wanted;
    const first = locator.filter({ visible: true }).first();
    await first.waitFor();
    return first;
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name });
  }

  /** Nothing is being loaded any more. */
  async settled(): Promise<void> {
    await this.page.waitForLoadState('load');
    await this.page.locator('main, h1, [role=alert]').first().waitFor();
    // The policy of the page forbids functions that are polled inside of it.
    await eventually(
      () => this.page.evaluate<string[]>(stillMoving),
      (moving) => moving.length === 0,
      waitMs,
    );
  }

  async path(holds: (path: string) => boolean): Promise<string> {
    return eventually(() => Promise.resolve(this.page.url().slice(this.#url.length)), holds, waitMs);
  }

  /** Violations of rules of accessibility that keep people out. */
  async barriers(): Promise<string[]> {
    const { violations } = await new AxeBuilder({ page: this.page }).setLegacyMode().analyze();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.slice(0, 5).map(({ target, any }) => `${id}: ${target.join(' ')} (${any[0]?.message ?? ''})`),
      );
  }

  /** Closes the browser's window; throws when the page did what it should not. */
  async end(): Promise<void> {
    await this.#context.close();
    const open = this.complaints.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
    if (open.length > 0) throw new Error(`the page did what it should not:\n${open.join('\n')}`);
  }

  async abandon(): Promise<void> {
    await this.#context.close();
  }

  #watch(page: Page): void {
    page.on('console', (message) => {
      if (message.type() === 'error')
        this.complaints.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.complaints.push(`uncaught: ${error.stack ?? error.message}`));
    page.on('dialog', (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${this.#url}/`) && !/^(?:data|blob):/.test(url))
        this.complaints.push(`request to another origin: ${url}`);
    });
  }
}
