import { stat } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../testing/deployment.ts';
import { largeTraceId, largeTraceSpans } from '../testing/console-world.ts';
import { type Stage } from '../testing/stage.ts';

export function traceSpecs(stage: () => Stage): void {
  const traceOf = (name: string) => stage().world.traceOf(name);

  describe('a trace', () => {
    it('shows its spans as tree, timeline and log', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('mixed')}`);
        const tree = page.getByRole('tree', { name: 'Spans' });
        await visit.sees(tree.getByRole('treeitem').nth(3));
        await tree.getByRole('treeitem', { name: /broken-1/ }).click();
        await visit.sees('the model is overloaded');
        await page.getByRole('tab', { name: 'Timeline' }).click();
        await visit.path((path) => path.includes('view=timeline'));
        expect(await tree.getByRole('treeitem').count()).toBe(4);
        await page.getByRole('tab', { name: 'Log' }).click();
        const log = page.getByRole('region', { name: 'Log of the trace' });
        await visit.sees(log.getByText('A plain answer.'));
        await visit.sees(log.getByText('One chunk after another arrives.'));
      });
    });

    it('shows a call as conversation, JSON and wire, with what answers its tools', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('tools-1')}`);
        await visit.sees('Calls get_weather');
        await page.getByRole('tab', { name: 'JSON' }).click();
        await visit.sees(page.getByRole('heading', { name: /^response/i }));
        await visit.sees(/tool_calls/);
        await page.getByRole('tab', { name: 'Headers & curl' }).click();
        const curl = (await (await visit.sees(page.getByLabel('curl command'))).textContent()) ?? '';
        expect(curl).toContain(`${stage().world.runtime.gatewayUrl}/v1/chat/completions`);
        expect(curl).not.toContain(stage().world.runtime.apiKey);
        await page.getByRole('tab', { name: 'Metadata' }).click();
        await visit.sees('Request SHA-256');
      });
    });

    it('reads a Responses call with its items and what the provider ran', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('research')}`);
        await visit.sees('You look things up.');
        await visit.sees('Calls today');
        await visit.sees(page.getByText('2025-12-05'));
        await visit.sees('web_search, run by the provider');
        await visit.sees(/^https:\/\/.*theverge/);
        await page.getByRole('tab', { name: 'Headers & curl' }).click();
        await visit.sees(page.getByLabel('curl command').getByText(/\/v1\/responses/));
      });
    });

    it('reads a Responses call that was streamed as one that was not, and plays it', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('solved')}`);
        await visit.sees('How much is it?');
        const answer = page.getByRole('listitem').filter({ hasText: '· answer' });
        await visit.sees(answer.getByText('The final result is **570**.'));
        await page.getByRole('tab', { name: 'Stream' }).click();
        await visit.sees(page.getByText(/The final result is \*\*570\*\*\.$/));
      });
    });

    it('reads a call of Anthropic’s API: blocks, an image, results beside their tools', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('thinker')}`);
        await visit.sees('You echo.');
        await visit.sees(page.getByRole('img', { name: 'Part of the conversation' }));
        await visit.sees('Result, an error');
        await visit.sees('no such word');
        await visit.sees('echo.echo, run by the provider');
        await visit.sees('Tool echo: hello world');
      });
    });

    it('says that a call was translated, and what was left out of it', async () => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default/traces/${traceOf('translated')}`);
        await visit.sees('openai-chat → anthropic-messages');
        await visit.sees(visit.page.getByText('The provider could not be told').getByText('seed'));
      });
    });

    it('shows the way of a call over its route, attempt by attempt', async () => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default/traces/${traceOf('routed')}`);
        await visit.sees('route sturdy');
        const attempts = visit.page.getByRole('region', { name: 'Attempts' }).getByRole('row');
        await visit.sees(attempts.filter({ hasText: 'first' }).filter({ hasText: 'overloaded' }));
        await visit.sees(attempts.filter({ hasText: 'retry' }).filter({ hasText: 'broken-1' }));
        await visit.sees(attempts.filter({ hasText: 'fallback' }).filter({ hasText: 'plain-1' }));
      });
    });

    it('names a hit of the cache, counts vectors, reads a completion', async () => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default/traces/${traceOf('cached')}`);
        await visit.sees('cache hit, cost 0');
        await visit.goto(`/p/default/traces/${traceOf('embedded')}`);
        await visit.sees('3 vectors of 1,536 dimensions');
        await visit.goto(`/p/default/traces/${traceOf('written')}`);
        await visit.sees('Invent a holiday.');
        await visit.sees(/Gratitude Day/);
      });
    });

    it('plays a stream again', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('stream-1')}?tab=stream`);
        await visit.sees('One chunk after another arrives.');
        const time = page.getByLabel('Time in the stream');
        const end = Number(await time.inputValue());
        expect(end).toBeGreaterThan(100);
        await page.getByLabel('Speed', { exact: true }).selectOption('0.25');
        await visit.button('Replay').click();
        await eventually(
          () => time.inputValue(),
          (value) => Number(value) > 0 && Number(value) < end,
        );
        await page.getByLabel('Speed', { exact: true }).selectOption('10');
        await eventually(
          () => time.inputValue(),
          (value) => Number(value) === end,
        );
        await page.getByText('Chunks as they came').click();
        await visit.sees(page.getByRole('cell', { name: 'another' }));
      });
    });

    it('tells how a broken stream and an error ended', async () => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default/traces/${traceOf('torn-1')}`);
        await visit.sees(visit.page.getByRole('note'));
        await visit.sees('One');
        await visit.goto(`/p/default/traces/${traceOf('limited-1')}`);
        await visit.sees('slow down');
      });
    });

    it(`holds ${largeTraceSpans} spans with only those in the page that can be seen`, async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${largeTraceId}`);
        await visit.sees(page.getByText(/5,000 spans/));
        const tree = page.getByRole('tree', { name: 'Spans' });
        await visit.sees(tree.getByRole('treeitem').nth(10));
        expect(await tree.getByRole('treeitem').count()).toBeLessThan(100);
        await page.getByLabel('Find a span').fill((4999).toString(16).padStart(16, '0'));
        await eventually(
          () => tree.getByRole('treeitem').count(),
          (count) => count === 1,
        );
        await tree.getByRole('treeitem').click();
        await visit.path((path) => path.includes(`span=${(4999).toString(16).padStart(16, '0')}`));
      });
    });

    it('offers an answer of 10 MB for download and stays usable', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('huge-1')}`);
        await visit.sees(/too much for this page|longer than the capture limit|Show more/);
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('button', { name: 'Download' }).first().click(),
        ]);
        expect(download.suggestedFilename()).toMatch(/-response\.json$/);
        const { size } = await stat(await download.path());
        expect(size).toBeGreaterThan(10_000_000);
        await page.getByRole('tab', { name: 'Metadata' }).click();
        await visit.sees('Request SHA-256');
      });
    });

    it('says the same of a trace that does not exist and of one of another project', async () => {
      const { world } = stage();
      const other = world.clientOf(await world.admin(), 'default');
      const project = await other.createProject({ body: { name: 'Elsewhere' } });
      for (const path of [
        `/p/${project.id}/traces/${traceOf('plain-1')}`,
        `/p/default/traces/${'0'.repeat(31)}1`,
      ]) {
        await stage().visit(async (visit) => {
          visit.expectComplaint(/404/);
          await visit.goto(path);
          await visit.sees('It does not exist, or it is not in this project.');
        });
      }
    });
  });
}
