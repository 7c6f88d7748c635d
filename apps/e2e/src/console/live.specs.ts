import { describe, expect, it } from '@jest/globals';
import { eventually } from '../testing/deployment.ts';
import { type Stage } from '../testing/stage.ts';

export function liveSpecs(stage: () => Stage): void {
  describe('the live tail', () => {
    it('shows a call from its start over its stream to its end and its cost', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/live?filter=watched');
        await visit.sees(page.getByRole('status').getByText('Live', { exact: true }));
        const call = stage().world.call('openai-compatible/slow-1', { text: 'watched call', stream: true });
        const row = page.getByRole('row', { name: /watched call/ });
        await visit.sees(row.getByText(/accepted|streaming|started|running/i));

        const traceId = await call;
        await visit.sees(row.getByText(/completed|200/));
        await row.click();
        await visit.path((path) => path.includes(`/traces/${traceId}`));
      });
    });

    it('holds still while it is paused, and filters', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/live');
        await visit.sees(page.getByRole('status').getByText('Live', { exact: true }));
        await page.keyboard.press('p');
        await visit.sees(/Paused/);
        await stage().world.call('loom-sim', { text: 'while it was paused' });
        await visit.sees(/events wait/);
        expect(await page.getByText('while it was paused').count()).toBe(0);
        await page.keyboard.press('p');
        await visit.sees('while it was paused');
        await page.getByLabel('Filter of the live tail').fill('model:nothing-like-it');
        await visit.sees('No call matches the filter');
        await page.getByLabel('Filter of the live tail').fill('model:loom-sim');
        await visit.sees('while it was paused');
      });
    });

    it('goes on after its backend was killed, and so do the other pages', async () => {
      const { world } = stage();
      await stage().visit(async (visit) => {
        const { page } = visit;
        visit.expectComplaint(/50\d|ERR_|401|499/);
        await visit.goto('/p/default/live');
        await visit.sees(page.getByRole('status').getByText('Live', { exact: true }));
        const other = await visit.tab();
        await other.goto(`${world.runtime.consoleUrl}/p/default/traces`);
        await other.getByRole('table', { name: 'Traces' }).waitFor();
        process.kill((await world.loom.runtime()).pids.backend!, 'SIGKILL');
        await visit.sees(/Connection lost/);
        await world.call('loom-sim', { text: 'nobody was listening' });
        await page.getByRole('status').getByText('Live', { exact: true }).waitFor({ timeout: 60_000 });
        await page.getByText('nobody was listening').first().waitFor({ timeout: 30_000 });
        await other.reload();
        await other.getByText('nobody was listening').first().waitFor({ timeout: 30_000 });
      });
    });

    it('says so when a service does not answer', async () => {
      await stage().visit(async (visit) => {
        visit.expectComplaint(/502/);
        const body = '{"error":{"code":"unavailable","message":"the query service does not answer"}}';
        await visit.page.route('**/api/query/**', (route) =>
          route.fulfill({ status: 502, contentType: 'application/json', body }),
        );
        await visit.goto('/p/default/traces');
        await visit.sees(visit.page.getByRole('alert').getByText('A service does not answer'));
        await visit.page.unroute('**/api/query/**');
        await visit.button('Try again').click();
        await eventually(
          () => visit.page.getByRole('row').count(),
          (count) => count > 2,
        );
      });
    });
  });
}
