import { describe, expect, it } from '@jest/globals';
import { type Visit } from '../testing/visit.ts';
import { type Stage } from '../testing/stage.ts';

const scriptBytesMax = 250_000;
const shiftMax = 0.05;

/** Bytes of JavaScript as they came over the wire, compressed. */
async function scriptBytes(visit: Visit): Promise<() => number> {
  const network = await visit.page.context().newCDPSession(visit.page);
  const scripts = new Set<string>();
  let bytes = 0;
  network.on('Network.responseReceived', ({ requestId, type }) => {
    if (type === 'Script') scripts.add(requestId);
  });
  network.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) bytes += encodedDataLength;
  });
  await network.send('Network.enable');
  return () => bytes;
}

const shiftOf = (visit: Visit) =>
  visit.page.evaluate<number>(`new Promise((resolve) => {
    let shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => resolve(shift), 100);
  })`);

export function weightSpecs(stage: () => Stage): void {
  describe('the weight of a page', () => {
    it('is small before one is in', async () => {
      await stage().visit(
        async (visit) => {
          const bytes = await scriptBytes(visit);
          await visit.goto('/sign-in');
          await visit.page.waitForLoadState('networkidle');
          process.stdout.write(`JavaScript of the sign-in: ${Math.round(bytes() / 1000)} kB\n`);
          expect(bytes()).toBeGreaterThan(20_000);
          expect(bytes()).toBeLessThan(scriptBytesMax);
        },
        { cookie: null },
      );
    });

    it('is small until the figures of the overview stand, and the charts come after them', async () => {
      await stage().visit(async (visit) => {
        const bytes = await scriptBytes(visit);
        // The library of the charts is asked for by the page itself; it waits here until the rest is weighed.
        const html = await (
          await visit.page.request.get(`${stage().world.runtime.consoleUrl}/p/default`)
        ).text();
        const initial = new Set(
          Array.from(html.matchAll(/\/_next\/static\/[^"\\ ]+\.js/g), ([path]) => path),
        );
        const asked = Promise.withResolvers<void>();
        const held = Promise.withResolvers<void>();
        await visit.page.route('**/_next/static/**/*.js*', async (route) => {
          if (!initial.has(new URL(route.request().url()).pathname)) {
            asked.resolve();
            await held.promise;
          }
          await route.continue();
        });
        // A page that asks for the library before its own load has ended would wait for it: nobody waits for `load` here.
        await visit.goto('/p/default', 'commit');
        await visit.sees(visit.page.getByRole('heading', { name: 'Overview' }));
        await visit.sees(visit.page.getByText('Requests').first());
        await asked.promise;
        const first = bytes();
        held.resolve();
        await visit.sees(visit.page.locator('.uplot canvas'));
        await visit.page.waitForLoadState('networkidle');
        process.stdout.write(
          `JavaScript of the overview: ${Math.round(first / 1000)} kB before the charts, ${Math.round(bytes() / 1000)} kB with them\n`,
        );
        expect(first).toBeGreaterThan(50_000);
        expect(first).toBeLessThan(scriptBytesMax);
        expect(bytes()).toBeGreaterThan(first);
      });
    });

    it.each(['', '/traces'])('does not jump while /p/default%s loads', async (path) => {
      await stage().visit(async (visit) => {
        await visit.goto(`/p/default${path}`);
        await visit.settled();
        expect(await shiftOf(visit)).toBeLessThan(shiftMax);
      });
    });
  });
}
