import { describe, expect, it } from '@jest/globals';
import { type Stage } from '../testing/stage.ts';

export function hostileSpecs(stage: () => Stage): void {
  const traceOf = (name: string) => stage().world.traceOf(name);

  /** A visit ends with an error for each dialog, each request to elsewhere and each breach of the policy. */
  describe('content that is not to be trusted', () => {
    it('is text where it is markup', async () => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default/traces/${traceOf('markup-1')}`);
        await visit.sees('<script>alert("owned")</script>');
        expect(await visit.page.locator('main img, main svg[onload], main iframe').count()).toBe(0);
        await visit.page.getByRole('tab', { name: 'JSON' }).click();
        await visit.sees(/<script>alert/);
        await visit.goto(`/p/default/traces?filter=model:markup-1`);
        await visit.sees(/<script>alert/);
      });
    });

    it('leads nowhere outside', async () => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default/traces/${traceOf('links-1')}`);
        await visit.sees(/tracker\.invalid/);
        const out = 'a[href*="tracker"], a[href^="javascript"], main img[src*="tracker"]';
        expect(await visit.page.locator(out).count()).toBe(0);
      });
    });

    it('shows what would hide or turn the text around', async () => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default/traces/${traceOf('bidi-1')}`);
        await visit.sees(/invoice/);
        const text = await visit.page.getByRole('main').innerText();
        // eslint-disable-next-line no-control-regex -- these are what must not be there
        expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u0000\u0007\u001b]/);
      });
    });

    it('answers with a megabyte in one line, with bytes that are no UTF-8, and 100 levels deep', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto(`/p/default/traces/${traceOf('line-1')}`);
        await visit.sees(/begin-lorem-ipsum/);
        await visit.button(/^Show /).click();
        await page.getByRole('tab', { name: 'JSON' }).click();
        await visit.sees(page.getByRole('heading', { name: /^response/i }));
        await visit.goto(`/p/default/traces/${traceOf('bytes-1')}`);
        await visit.sees(/broken-/);
        await visit.goto(`/p/default/traces/${traceOf('deep-1')}`);
        await visit.sees('Calls dig');
        await page.getByRole('tab', { name: 'Metadata' }).click();
        await visit.sees('Request SHA-256');
      });
    });
  });
}
