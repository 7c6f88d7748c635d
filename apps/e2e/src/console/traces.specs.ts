import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { eventually } from '../testing/deployment.ts';
import { type Stage } from '../testing/stage.ts';

const rows = (page: Page) => page.getByRole('table', { name: 'Traces' }).getByRole('row');

export function tracesSpecs(stage: () => Stage): void {
  describe('the list of traces', () => {
    it('completes a filter, field and value, and shows what it finds', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/traces');
        await visit.sees(rows(page).nth(1));
        await page.keyboard.press('/');
        await page.keyboard.type('mod');
        await visit.sees(page.locator('.cm-tooltip-autocomplete').getByText('model', { exact: true }));
        await page.locator('.cm-tooltip-autocomplete').getByText('model', { exact: true }).click();
        await page.keyboard.type('limit');
        await page.locator('.cm-tooltip-autocomplete').getByText('limited-1').click();
        await page.keyboard.press('Enter');
        await visit.path((path) => path.includes(`limited-1`));
        await visit.sees(page.getByRole('cell', { name: /limited-1/ }));
        await eventually(
          () => rows(page).count(),
          (count) => count === 2,
        );
      });
    });

    it('shows where a filter is wrong, and why', async () => {
      await stage().visit(async (visit) => {
        visit.expectComplaint(/400/);
        await visit.goto(`/p/default/traces?filter=${encodeURIComponent('model:x colour:red status:error')}`);
        await visit.sees(visit.page.getByRole('alert').getByText(/colour/));
        const mark = await visit.sees(visit.page.locator('.cm-fault'));
        expect(await mark.textContent()).toBe('colour');
      });
    });

    it('takes a click on a value as a filter, and a second one back', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/traces');
        const facets = page.getByRole('region', { name: 'Filter by value' });
        await facets
          .getByRole('button', { name: /^429|^upstream_error|^rate_limit/ })
          .or(facets.getByRole('button', { name: /^failed/ }))
          .first()
          .click();
        await visit.path((path) => path.includes('filter='));
        await visit.sees(rows(page).nth(1));
        await eventually(
          () => page.getByRole('cell', { name: /^completed|^200/ }).count(),
          (count) => count === 0,
        );
        await facets.locator('[aria-pressed=true]').first().click();
        await visit.path((path) => !path.includes('filter='));
      });
    });

    it('sorts by a column on the server, both ways, and has the order in the link', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/traces');
        const head = page.getByRole('columnheader', { name: 'Spans' });
        await head.getByRole('button', { name: 'Spans' }).click();
        await visit.path((path) => path.includes('sort=spans'));
        expect(await head.getAttribute('aria-sort')).toBe('descending');
        const first = page.getByRole('row').nth(1);
        await visit.sees(first.getByText(/^5,00\d/)); // the trace with most spans
        await head.getByRole('button', { name: 'Spans' }).click();
        await visit.path((path) => path.includes('order=asc'));
        await visit.sees(first.getByRole('cell').last().getByText(/^1$/));
        await page.getByRole('columnheader', { name: 'Time' }).getByRole('button', { name: 'Time' }).click();
        await visit.path((path) => !path.includes('sort='));
      });
    });

    it('cuts no time and no number, and keeps the width that someone gave a column', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/traces');
        const cells = page.getByRole('row').nth(1).getByRole('cell');
        await visit.sees(cells.nth(1));
        const cut = await page.evaluate<string[]>(
          `[...document.querySelectorAll('[role=cell]')]
            .filter((cell) => /^[\\d$<].*\\d/.test(cell.textContent) && cell.scrollWidth > cell.clientWidth)
            .map((cell) => cell.textContent)`,
        );
        expect(cut).toEqual([]);
        const handle = page.getByRole('separator', { name: 'Width of Model' });
        await handle.focus();
        const widthOf = async () =>
          (await page.getByRole('columnheader', { name: 'Model' }).boundingBox())?.width ?? 0;
        const before = await widthOf();
        for (let n = 0; n < 4; n += 1) await handle.press('ArrowLeft');
        await page.reload();
        await visit.sees(cells.nth(1));
        await eventually(widthOf, (width) => Math.round(before - width) === 64);
        await handle.dblclick();
        await eventually(widthOf, (width) => width === before);
      });
    });

    it('keeps the chosen columns in the link and in a saved view', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/traces?filter=user%3Ajan');
        await visit.sees(rows(page).nth(1));
        await visit.button('Columns').click();
        await page.getByRole('menuitemcheckbox', { name: 'Session' }).click();
        await visit.path((path) => path.includes('session'));
        await page.keyboard.press('Escape');
        await visit.sees(page.getByRole('columnheader', { name: 'Session' }));
        await visit.sees(page.getByRole('cell', { name: /^chat-/ }));
        await visit.button('Views').click();
        await page.getByRole('menuitem', { name: /Save this view/ }).click();
        await page.getByLabel('Name').fill('Calls of Jan');
        await visit.button('Save').click();
        await visit.sees(/was saved/);
        await visit.goto('/p/default/traces');
        await visit.sees(rows(page).nth(1));
        await visit.button('Views').click();
        await page.getByRole('menuitem', { name: 'Calls of Jan', exact: true }).click();
        await visit.path((path) => path.includes('user%3Ajan') && path.includes('session'));
        await visit.sees(page.getByRole('columnheader', { name: 'Session' }));
        await visit.button('Views').click();
        await page.getByRole('menuitem', { name: 'Remove view Calls of Jan' }).click();
        await visit.sees(/was removed/);
      });
    });

    it('walks by J and K beside a trace, closes it by Esc and opens it by Enter', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/traces');
        await visit.sees(rows(page).nth(3));
        const peekOf = async (holds: (peek: string | null) => boolean) =>
          new URLSearchParams(
            (await visit.path((path) => holds(new URLSearchParams(path.split('?')[1]).get('peek')))).split(
              '?',
            )[1],
          ).get('peek');
        await rows(page).nth(1).click();
        const first = await peekOf((peek) => peek !== null);
        await visit.sees(page.getByRole('dialog', { name: 'Trace' }));
        await page.keyboard.press('j');
        const second = await peekOf((peek) => peek !== first);
        await page.keyboard.press('k');
        await peekOf((peek) => peek === first);
        await page.keyboard.press('Escape');
        await peekOf((peek) => peek === null);
        await page.getByRole('dialog', { name: 'Trace' }).waitFor({ state: 'hidden' });
        await rows(page).nth(2).click();
        await peekOf((peek) => peek === second);
        await visit.sees(page.getByRole('dialog', { name: 'Trace' }));
        await page.keyboard.press('Enter');
        await visit.path((path) => path === `/p/default/traces/${second ?? ''}`);
        await page.goBack();
        await visit.path((path) => path.startsWith('/p/default/traces?'));
      });
    });

    it('exports the selected traces as JSON Lines, whole', async () => {
      const { world } = stage();
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces?filter=${encodeURIComponent('model:tools-1')}`);
        await visit.sees(rows(page).nth(1));
        await page.getByLabel('Select all that are loaded').check();
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          visit.button('Export JSONL').click(),
        ]);
        expect(download.suggestedFilename()).toMatch(/^loom-default-.*\.jsonl$/);
        const text = await readFile(await download.path(), 'utf8');
        const spans = text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
        const wanted = [world.traceOf('tools-1'), world.traceOf('mixed')];
        expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set(wanted));
        const span = spans.find(({ traceId }) => traceId === wanted[0]);
        const client = await world.loom.client();
        const page1 = await client.getTrace({ params: { traceId: wanted[0] ?? '' } });
        expect(span).toEqual(JSON.parse(JSON.stringify(page1.spans[0])));
      });
    });

    it('compares two that are selected', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces?filter=${encodeURIComponent('session:chat-1')}`);
        await visit.sees(rows(page).nth(2));
        await rows(page).nth(1).getByRole('checkbox').check();
        await rows(page).nth(2).getByRole('checkbox').check();
        await visit.button('Compare').click();
        await visit.path((path) => /\/compare\?left=[0-9a-f]{32}&right=[0-9a-f]{32}/.test(path));
        await visit.sees(page.getByRole('heading', { name: /Compare/ }));
        await visit.sees('Difference');
        await visit.sees(/about refunds/);
      });
    });

    it('announces new traces and shows them when asked to', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        const filter = encodeURIComponent('user:newcomer');
        await visit.goto('/p/default/traces');
        await visit.sees(rows(page).nth(1));
        await stage().world.call('loom-sim', { user: 'newcomer', text: 'just arrived' });
        await visit.button(/new trace/).click({ timeout: 20_000 });
        await visit.sees(page.getByRole('cell', { name: /just arrived/ }));
        await visit.goto(`/p/default/traces?filter=${filter}`);
        await visit.sees(page.getByRole('cell', { name: /just arrived/ }));
      });
    });
  });
}
