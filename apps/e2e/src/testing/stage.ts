import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import playwright, { type Browser, type Page } from 'playwright-core';
import { ConsoleWorld } from './console-world.ts';
import { Visit, type VisitOptions } from './visit.ts';

/** A browser before a world: what every spec of the console plays on. */
export class Stage {
  readonly world: ConsoleWorld;
  readonly browser: Browser;
  readonly #pictures: string;
  #failures = 1;

  private constructor(world: ConsoleWorld, browser: Browser, pictures: string) {
    this.world = world;
    this.browser = browser;
    this.#pictures = pictures;
  }

  /** Pictures go to LOOM_TEST_SCREENSHOTS, or to a temporary folder. */
  static async open(executablePath: string): Promise<Stage> {
    const named = process.env.LOOM_TEST_SCREENSHOTS;
    if (named) await mkdir(named, { recursive: true });
    const pictures = named ?? (await mkdtemp(join(tmpdir(), 'loom-pictures-')));
    const world = await ConsoleWorld.start();
    try {
      await world.fill();
      const args = ['--no-sandbox', '--disable-dev-shm-usage'];
      return new Stage(world, await playwright.chromium.launch({ executablePath, args }), pictures);
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.world.stop();
  }

  picture(page: Page, name: string): Promise<Buffer> {
    return page.screenshot({ path: join(this.#pictures, `${name}.png`), animations: 'disabled' });
  }

  /** A visit of the one who runs the deployment, if nobody else is named; fails when the page complains. */
  async visit(
    walk: (visit: Visit) => Promise<void>,
    options: Partial<Omit<VisitOptions, 'url'>> = {},
  ): Promise<void> {
    const visit = await Visit.begin(this.browser, {
      url: this.world.runtime.consoleUrl,
      cookie: await this.world.admin(),
      ...options,
    });
    try {
      await walk(visit);
    } catch (error) {
      const failed = `failed-${this.#failures++}`;
      await this.picture(visit.page, failed).catch(() => undefined);
      const lines = [error instanceof Error ? error.message : String(error), `at ${visit.page.url()}`];
      const report = [...lines, ...visit.complaints].join('\n');
      await writeFile(join(this.#pictures, `${failed}.txt`), report);
      await visit.abandon();
      throw new Error(report, { cause: error });
    }
    await visit.end();
  }
}
