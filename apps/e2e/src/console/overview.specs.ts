import { describe, expect, it } from '@jest/globals';
import { eventually } from '../testing/deployment.ts';
import { type Stage } from '../testing/stage.ts';

/** Runs in the page: whether the first chart shows a colour, and not greys alone. */
const hasColouredPixels = `(() => {
  const canvas = document.querySelector('.uplot canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4) {
    const channels = [data[at], data[at + 1], data[at + 2]];
    if (data[at + 3] > 200 && Math.max(...channels) - Math.min(...channels) > 60) return true;
  }
  return false;
})()`;

export function overviewSpecs(stage: () => Stage): void {
  describe('the overview', () => {
    it('shows the sums, takes a drag over a chart as a range, and goes back', async () => {
      await stage().visit(async (visit) => {
        await visit.goto('/p/default?range=15m');
        const chart = await visit.sees(visit.page.getByRole('figure', { name: /^Requests\./ }));
        await visit.sees(visit.page.locator('.uplot canvas'));
        expect(await visit.page.evaluate(hasColouredPixels)).toBe(true);
        const box = (await chart.boundingBox())!;
        const at = (share: number) => [box.x + box.width * share, box.y + box.height / 2] as const;
        await visit.page.mouse.move(...at(0.4));
        await visit.page.mouse.down();
        await visit.page.mouse.move(...at(0.6), { steps: 5 });
        await visit.page.mouse.move(...at(0.8), { steps: 5 });
        await visit.page.mouse.up();
        const zoomed = new URLSearchParams(
          (await visit.path((path) => path.includes('from='))).split('?')[1],
        );
        const spanMs = Date.parse(zoomed.get('to') ?? '') - Date.parse(zoomed.get('from') ?? '');
        expect(spanMs).toBeGreaterThan(0);
        expect(spanMs).toBeLessThan(15 * 60_000);
        await visit.page.goBack();
        await visit.path((path) => path.endsWith('?range=15m'));
      });
    });

    it('leads from the errors and from a model to their traces', async () => {
      await stage().visit(async (visit) => {
        await visit.goto('/p/default');
        await visit.page.getByRole('main').getByRole('link', { name: 'broken-1' }).click();
        await visit.path((path) => path.includes('/traces?') && path.includes('broken-1'));
        await visit.sees(visit.page.getByRole('row').nth(1));
        await eventually(
          () => visit.page.getByRole('row').count(),
          (count) => count === 2 + 1,
        );
        await visit.page.goBack();
        await visit.page
          .getByRole('main')
          .getByRole('link', { name: /errors/i })
          .first()
          .click();
        await visit.path((path) => path.includes('/traces?') && path.includes('filter='));
        await visit.sees(/failed|429|500/);
      });
    });

    it('turns from the first call into the trace by itself', async () => {
      const { world } = stage();
      const admin = world.clientOf(await world.admin(), 'default');
      const project = await admin.createProject({ body: { name: 'Empty shop' } });
      await stage().visit(async (visit) => {
        await visit.goto(`/p/${project.id}`);
        await visit.sees('Your first call');
        await visit.button('Create a key').click();
        const secret = await visit.sees(/^loom_live_/);
        const key = (await secret.textContent()) ?? '';
        await visit.sees(visit.page.locator('pre', { hasText: key }));
        const traceId = await eventually(
          () => world.call('loom-sim', { key, text: 'the very first' }),
          (found) => found !== '', // the gateway hears of a new key within a second
        );
        await visit.path((path) => path === `/p/${project.id}/traces/${traceId}`);
        await visit.sees('the very first');
      });
    });

    it('finds in the palette whatever has a name, and does things', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default');
        await visit.sees(page.getByRole('heading', { name: 'Overview' }));
        const search = async (text: string) => {
          await page.keyboard.press('Control+k');
          await page.getByPlaceholder(/Page, project, trace ID/).fill(text);
        };
        await search('status:error user:nobody');
        await page.getByRole('option', { name: 'Traces matching “status:error user:nobody”' }).click();
        await visit.path((path) => path.includes('filter=status%3Aerror'));
        await search('create');
        await page.getByRole('option', { name: 'Create API key' }).click();
        await visit.sees(page.getByRole('dialog', { name: 'Create API key' }));
        await page.keyboard.press('Escape');
        await search('dark');
        await page.getByRole('option', { name: 'Dark theme' }).click();
        expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
      });
    });

    it('never shows an unknown cost as nothing', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default');
        const row = page.getByRole('row', { name: /tools-1/ });
        await visit.sees(row);
        expect(await row.innerText()).not.toContain('$0');
        await visit.sees(page.getByRole('link', { name: /Spend.*without a price/s }));
      });
    });

    it('opens the palette, the list of keys and the other theme', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default');
        await visit.sees(page.getByRole('heading', { name: 'Overview' }));
        await page.keyboard.press('Control+k');
        const search = page.getByPlaceholder(/Page, project, trace ID/);
        await search.fill('live');
        await page.getByRole('option', { name: 'Live tail' }).click();
        await visit.path((path) => path === '/p/default/live');
        await page.keyboard.press('Control+k');
        await search.fill(world().traceOf('plain-1').slice(0, 8));
        await page.getByRole('option', { name: `Trace ${world().traceOf('plain-1')}` }).click();
        await visit.path((path) => path.endsWith(world().traceOf('plain-1')));
        await visit.sees('A plain answer.');
        await page.keyboard.press('?');
        await visit.sees(page.getByRole('dialog', { name: 'Keyboard shortcuts' }));
        await page.keyboard.press('Escape');
        const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
        const light = await ground();
        await visit.button('Account menu').click();
        await page.getByRole('menuitemcheckbox', { name: 'Dark' }).click();
        await page.reload();
        expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
        expect(await ground()).not.toBe(light);
      });
    });
    const world = () => stage().world;
  });
}
