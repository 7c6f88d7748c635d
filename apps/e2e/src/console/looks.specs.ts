import { describe, expect, it } from '@jest/globals';
import { largeTraceId } from '../testing/console-world.ts';
import { type Stage } from '../testing/stage.ts';
import { sizes, type Visit } from '../testing/visit.ts';

const plain = (path: string) => (): string => path;

/** Every page, by the name of its pictures. */
const pages: Readonly<Record<string, (stage: Stage) => string>> = {
  overview: plain('/p/default?range=1h'),
  traces: plain('/p/default/traces'),
  'traces-peek': ({ world }) => `/p/default/traces?peek=${world.traceOf('tools-1')}`,
  'trace-tools': ({ world }) => `/p/default/traces/${world.traceOf('tools-1')}`,
  'trace-responses': ({ world }) => `/p/default/traces/${world.traceOf('research')}`,
  'trace-anthropic': ({ world }) => `/p/default/traces/${world.traceOf('thinker')}`,
  'trace-translated': ({ world }) => `/p/default/traces/${world.traceOf('translated')}`,
  'trace-embeddings': ({ world }) => `/p/default/traces/${world.traceOf('embedded')}`,
  'trace-routed': ({ world }) => `/p/default/traces/${world.traceOf('routed')}`,
  'trace-cached': ({ world }) => `/p/default/traces/${world.traceOf('cached')}`,
  'trace-tree': ({ world }) => `/p/default/traces/${world.traceOf('mixed')}`,
  'trace-timeline': plain(`/p/default/traces/${largeTraceId}?view=timeline`),
  'trace-log': ({ world }) => `/p/default/traces/${world.traceOf('mixed')}?view=log&tab=json`,
  'trace-stream': ({ world }) => `/p/default/traces/${world.traceOf('stream-1')}?tab=stream`,
  'trace-wire': ({ world }) => `/p/default/traces/${world.traceOf('stream-1')}?tab=wire`,
  'trace-metadata': ({ world }) => `/p/default/traces/${world.traceOf('broken-1')}?tab=more`,
  'trace-proof': ({ world }) => `/p/default/traces/${world.traceOf('plain-1')}?tab=proof`,
  'trace-error': ({ world }) => `/p/default/traces/${world.traceOf('torn-1')}`,
  compare: ({ world }) =>
    `/p/default/compare?left=${world.traceOf('plain-1')}&right=${world.traceOf('tools-1')}`,
  live: plain('/p/default/live'),
  sessions: plain('/p/default/sessions'),
  session: plain('/p/default/sessions/chat-1'),
  users: plain('/p/default/users'),
  keys: plain('/p/default/keys'),
  providers: plain('/p/default/providers'),
  models: plain('/p/default/models'),
  prices: plain('/p/default/prices'),
  members: plain('/p/default/members'),
  projects: plain('/p/default/projects'),
  audit: plain('/p/default/audit'),
  ledger: plain('/p/default/ledger'),
  health: plain('/p/default/health'),
  start: plain('/p/default/start'),
  account: plain('/p/default/account'),
  'unknown-project': plain('/p/no-such-project'),
  'unknown-page': plain('/no-such-page'),
};
const doors: Readonly<Record<string, string>> = {
  'sign-in': '/sign-in',
  'sign-in-over': '/sign-in?over=1&next=%2Fp%2Fdefault',
  'invitation-over': '/invite/no-such-token',
};

/** Forms, by the name of their pictures: where they are, and the way to them. */
const forms: Readonly<Record<string, readonly [path: string, open: (visit: Visit) => Promise<void>]>> = {
  'form-alias': [
    '/p/default/models',
    async ({ page }) => {
      await page
        .getByRole('row', { name: /sturdy/ })
        .getByRole('button', { name: 'Edit' })
        .click();
      await page.getByRole('button', { name: 'Balance with another' }).click();
      await page.getByLabel('Model of target 2').fill('plain-1');
      await page.getByRole('button', { name: 'Add fallback' }).click();
    },
  ],
  'form-provider': [
    '/p/default/providers',
    async ({ page }) => {
      await page.getByRole('button', { name: 'Add provider' }).click();
      await page.getByLabel('Kind').selectOption('aws-bedrock');
      await page.getByLabel('Region').fill('eu-west-1');
      await page.getByLabel('Credential').fill('AKIA1:secret\nAKIA2:secret');
    },
  ],
  'ledger-verified': [
    '/p/default/ledger',
    async (visit) => {
      await visit.sees(/^holds, loom-/);
      await visit.button('Verify').click();
      await visit.sees(/^VERIFIED/);
    },
  ],
  'form-project': [
    '/p/default/projects',
    ({ page }) => page.getByRole('button', { name: 'Edit' }).first().click(),
  ],
};

/** In both themes and both sizes: no barrier, nothing wider than the screen, and a picture for a person to judge. */
async function look(stage: Stage, visit: Visit, name: string): Promise<string[]> {
  const { page } = visit;
  const faults: string[] = [];
  for (const size of ['desktop', 'phone'] as const) {
    await page.setViewportSize(sizes[size]);
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await visit.settled();
      const place = `${name}, ${theme}, ${size}`;
      await stage.picture(page, `${name}-${size}-${theme}`);
      // Narrow and dark has the colours of wide and dark, and the places of narrow and light.
      if (size === 'desktop' || theme === 'light')
        faults.push(...(await visit.barriers()).map((barrier) => `${place}: ${barrier}`));
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      if (width > sizes[size].width) faults.push(`${place}: the page is ${width} wide`);
    }
  }
  return faults;
}

export function looksSpecs(stage: () => Stage): void {
  describe('every page, light and dark, wide and narrow', () => {
    it.each(Object.keys(pages))('has no barriers: %s', async (name) => {
      await stage().visit(async (visit) => {
        visit.expectComplaint(/404/);
        await visit.goto(pages[name]?.(stage()) ?? '');
        await visit.settled();
        expect(await look(stage(), visit, name)).toEqual([]);
      });
    });

    it.each(Object.keys(forms))('has no barriers: %s', async (name) => {
      const [path, open] = forms[name] ?? ['', () => Promise.resolve()];
      await stage().visit(async (visit) => {
        await visit.goto(path);
        await visit.settled();
        await open(visit);
        expect(await look(stage(), visit, name)).toEqual([]);
      });
    });

    it.each(Object.keys(doors))('has no barriers: %s', async (name) => {
      await stage().visit(
        async (visit) => {
          visit.expectComplaint(/40[14]/);
          await visit.goto(doors[name] ?? '');
          expect(await look(stage(), visit, name)).toEqual([]);
        },
        { cookie: null },
      );
    });
  });
}
