import { describe, expect, it } from '@jest/globals';
import { eventually } from '../testing/deployment.ts';
import { type Stage } from '../testing/stage.ts';

export function manageSpecs(stage: () => Stage): void {
  describe('what people configure', () => {
    it('makes a key that works, shows it once, renames it with an expiry, and revokes it', async () => {
      const { world } = stage();
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/keys');
        await visit.button('Create key').click();
        await page.getByRole('dialog').getByLabel('Name').fill('browser key');
        await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
        const secret =
          (await (await visit.sees(page.getByRole('dialog').getByText(/^loom_live_/))).textContent()) ?? '';
        await visit.button('Done').click();
        expect(await page.getByText(secret).count()).toBe(0);
        await eventually(
          () => world.call('loom-sim', { key: secret, text: 'by the new key' }),
          (traceId) => traceId !== '',
        );
        await page
          .getByRole('row', { name: /browser key/ })
          .getByRole('button', { name: 'Edit' })
          .click();
        await page.getByRole('dialog').getByLabel('Name').fill('renamed key');
        await page.getByRole('dialog').getByLabel('Expires').selectOption('In 7 days');
        await visit.button('Save').click();
        const row = page.getByRole('row', { name: /renamed key/ });
        await visit.sees(row.getByText(/^expires /));
        await row.getByRole('button', { name: 'Revoke' }).click();
        await visit.button('Revoke now').click();
        await visit.sees(row.getByText('revoked'));
        await eventually(
          () => world.call('loom-sim', { key: secret }),
          (traceId) => traceId === '',
        );
        await visit.goto('/p/default/audit');
        await visit.sees(page.getByRole('row', { name: /key\.revoke.*renamed key/ }));
        await visit.sees(page.getByRole('row', { name: /key\.create.*browser key/ }));
        expect(await page.content()).not.toContain(secret);
      });
    });

    it('adds a provider, keeps its credential to itself, tests and removes it', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        visit.expectComplaint(/4\d\d|50\d/);
        await visit.goto('/p/default/providers');
        await visit.sees(page.getByRole('row', { name: /openai-compatible/ }));
        await page.getByRole('main').getByRole('button', { name: /Add/ }).first().click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Kind').selectOption('openai');
        await dialog.getByLabel('Name').fill('second-openai');
        await dialog.getByLabel('Base URL').fill(stage().world.providerUrl);
        await dialog.getByLabel('Credential').fill('sk-keep-this-secret');
        await dialog.getByRole('button', { name: /^(?:Add|Save)/ }).click();
        const row = page.getByRole('row', { name: /second-openai/ });
        await visit.sees(row);
        expect(await page.content()).not.toContain('sk-keep-this-secret');
        await row.getByRole('button', { name: 'Test' }).click();
        await visit.sees(dialog.getByText(/plain-1|1 model/));
        await page.keyboard.press('Escape');
        await row.getByRole('button', { name: 'Remove' }).click();
        await dialog.getByRole('button', { name: /Remove/ }).click();
        await row.waitFor({ state: 'hidden' });
      });
    });

    it('offers every kind of provider that the service knows, each with what it asks for', async () => {
      const { world } = stage();
      const client = world.clientOf(await world.admin(), 'default');
      const body = { name: 'odd', kind: 'no-such-kind', baseUrl: world.providerUrl };
      const refusal = await client.createProvider({ body }).then(
        () => '',
        (error: unknown) => String(error),
      );
      const known = /known: (.*)$/.exec(refusal)?.[1]?.split(', ') ?? [];
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/providers');
        await visit.button('Add provider').click();
        const dialog = page.getByRole('dialog');
        const kinds = await dialog.getByLabel('Kind').locator('option').all();
        const offered = await Promise.all(kinds.map((option) => option.getAttribute('value')));
        expect(offered.toSorted()).toEqual(known.toSorted());
        await dialog.getByLabel('Kind').selectOption('anthropic');
        expect(await dialog.getByLabel('Base URL').inputValue()).toBe('https://api.anthropic.com');
        await dialog.getByLabel('Kind').selectOption('aws-bedrock');
        await dialog.getByLabel('Region').fill('eu-west-1');
        const address = await dialog.getByLabel('Base URL').inputValue();
        expect(address).toBe('https://bedrock-runtime.eu-west-1.amazonaws.com');
        await dialog.getByLabel('Credential').fill('AKIA1:secret\nAKIA2:secret');
        await visit.sees(/2 keys, used in turn/);
      });
    });

    it('routes an alias, says which field is wrong, and keeps what it was before', async () => {
      const { world } = stage();
      const client = world.clientOf(await world.admin(), 'default');
      await stage().visit(async (visit) => {
        const { page } = visit;
        visit.expectComplaint(/400/);
        await visit.goto('/p/default/models');
        await visit.button('Add alias').click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Alias').fill('two-ways');
        await dialog.getByLabel('Provider').selectOption('openai-compatible');
        await dialog.getByLabel('Model', { exact: true }).fill('broken-1');
        await dialog.getByRole('button', { name: 'Add', exact: true }).click();
        const row = page.getByRole('row', { name: /two-ways/ });
        await row.getByRole('button', { name: 'Edit' }).click();
        await dialog.getByRole('button', { name: 'Balance with another' }).click();
        await dialog.getByLabel('Provider of target 2').selectOption('openai-compatible');
        await dialog.getByLabel('Model of target 2').fill('limited-1');
        await dialog.getByLabel('Weight of target 1').fill('3');
        await dialog.getByRole('button', { name: 'Add fallback' }).click();
        await dialog.getByLabel('Provider of fallback 1').selectOption('openai-compatible');
        await dialog.getByLabel('Model of fallback 1').fill('plain-1');
        await dialog.getByLabel('its content policy').check();
        await dialog.getByLabel('Retries').selectOption('1');
        await dialog.getByLabel('First chunk').fill('2.5');
        await dialog.getByRole('button', { name: 'Save' }).click();
        await visit.sees(row.getByText('75 %'));
        await visit.sees(row.getByText('else'));
        await visit.sees(row.getByText(/1 retry .* first chunk 2.5 s/));
        await eventually(
          async () => {
            await world.call('two-ways');
            return client.listTraces({ query: { filter: 'requestModel:two-ways model:plain-1' } });
          },
          ({ traces }) => traces.some(({ span }) => span.outcome === 'completed'),
        );
        await client.createProvider({
          body: { name: 'short-lived', kind: 'vllm', baseUrl: world.providerUrl },
        });
        await page.reload();
        await row.getByRole('button', { name: 'Edit' }).click();
        await dialog.getByLabel('Provider of fallback 1').selectOption('short-lived');
        const { providers } = await client.listProviders();
        const gone = providers.find(({ name }) => name === 'short-lived')?.id ?? '';
        await client.deleteProvider({ params: { id: gone } });
        await dialog.getByRole('button', { name: 'Save' }).click();
        await visit.sees(
          dialog.getByRole('alert').getByText(/^route\.fallbacks\.0\.provider: .*short-lived/),
        );
        const marked = dialog.getByLabel('Provider of fallback 1');
        expect(await marked.getAttribute('aria-invalid')).toBe('true');
        await page.keyboard.press('Escape');
        await visit.goto('/p/default/audit');
        await page
          .getByRole('row', { name: /alias.*two-ways/ })
          .first()
          .getByRole('button', { name: /^Show/ })
          .click();
        await visit.sees(dialog.getByText('limited-1', { exact: false }));
        await visit.sees(dialog.getByRole('heading', { name: 'before' }));
      });
    });

    it('turns the response cache of a project on and off', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/projects');
        const row = page.getByRole('row').nth(1);
        const dialog = page.getByRole('dialog');
        for (const [seconds, shown] of [
          ['3600', '1 h'],
          ['', 'off'],
        ] as const) {
          await row.getByRole('button', { name: 'Edit' }).click();
          await dialog.getByLabel('Response cache').fill(seconds);
          await dialog.getByRole('button', { name: 'Save' }).click();
          await visit.sees(row.getByText(shown, { exact: true }));
        }
      });
    });

    it('gives a model a name of its own, and calls reach it by that name', async () => {
      const { world } = stage();
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/models');
        await page.getByRole('main').getByRole('button', { name: /Add/ }).first().click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Alias').fill('house-model');
        await dialog.getByLabel('Provider').selectOption('openai-compatible');
        await dialog.getByLabel('Model', { exact: true }).fill('plain-1');
        await dialog.getByRole('button', { name: 'Add', exact: true }).click();
        const row = page.getByRole('row', { name: /house-model/ });
        await visit.sees(row);
        const client = await world.loom.client();
        await eventually(
          async () => {
            await world.call('house-model');
            return client.listTraces({ query: { filter: 'requestModel:house-model' } });
          },
          ({ traces }) =>
            traces.some(({ span }) => span.outcome === 'completed' && span.responseModel === 'plain-1'),
        );
        await row.getByRole('button', { name: 'Remove' }).click();
        await dialog.getByRole('button', { name: /Remove/ }).click();
        await row.waitFor({ state: 'hidden' });
      });
    });

    it('takes a custom price for a self-hosted model, and removes it', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/prices');
        await visit.sees(page.getByRole('row').nth(1));
        await page
          .getByRole('main')
          .getByRole('button', { name: /Add custom price/i })
          .first()
          .click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Provider kind').selectOption('ollama');
        await dialog.getByLabel('Model').fill('house-priced-model');
        for (const field of await dialog.getByLabel(/per million/).all()) await field.fill('1.25');
        await dialog.getByRole('button', { name: /^(?:Add|Save)/ }).click();
        await page.getByLabel('Search models').fill('house-priced');
        const row = page.getByRole('row', { name: /house-priced-model/ });
        await visit.sees(row.getByText(/1\.25/));
        await row.getByRole('button', { name: 'Remove' }).click();
        await dialog.getByRole('button', { name: /Remove/ }).click();
        await row.waitFor({ state: 'hidden' });
      });
    });

    it('lets someone in by a link', async () => {
      let link = '';
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/members');
        await visit.button('Invite').click();
        await page.getByRole('dialog').getByLabel('Role').selectOption('viewer');
        await visit.button('Make the link').click();
        link = (await (await visit.sees(page.getByText(/\/invite\//))).textContent()) ?? '';
      });
      await stage().visit(
        async (visit) => {
          const { page } = visit;
          visit.expectComplaint(/401/);
          await visit.goto(new URL(link).pathname);
          await page.getByLabel('Your name').fill('Karel');
          await page.getByLabel('Email').fill('karel@example.com');
          await page.getByLabel('Password').fill('a long enough one');
          await visit.button('Join').click();
          await visit.path((path) => path === '/p/default');
          await visit.goto('/p/default/keys');
          await visit.sees(page.getByRole('row').nth(1));
          expect(await visit.button('Create key').count()).toBe(0);
          expect(await page.getByRole('link', { name: 'Audit log' }).count()).toBe(0);
        },
        { cookie: null },
      );
    });

    it('says so when a right is lost while the page is open', async () => {
      const { world } = stage();
      const admin = world.clientOf(await world.admin(), 'default');
      const member = await world.invite(admin, 'member', 'falling');
      const { members } = await admin.listMembers();
      const id = members.find(({ email }) => email === member.email)?.userId ?? '';
      await stage().visit(
        async (visit) => {
          const { page } = visit;
          visit.expectComplaint(/403/);
          await visit.goto('/p/default/keys');
          await visit.button('Create key').click();
          await page.getByRole('dialog').getByLabel('Name').fill('too late');
          await admin.updateMember({ params: { id }, body: { role: 'viewer' } });
          await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
          await visit.sees(page.getByRole('dialog').getByRole('alert'));
          await page.reload();
          await visit.sees(page.getByRole('row').nth(1));
          expect(await visit.button('Create key').count()).toBe(0);
          await admin.removeMember({ params: { id } });
          await page.reload();
          await visit.sees(/You are in no organization|Not found/);
        },
        { cookie: member.cookie },
      );
    });

    it('shows the health of the deployment to whoever runs it', async () => {
      await stage().visit(async (visit) => {
        await visit.goto('/p/default/health');
        for (const name of [/gateway/, /console/]) await visit.sees(visit.page.getByRole('row', { name }));
        await visit.sees(visit.page.getByText('ready').first());
        await visit.sees('Everything on the stream could be taken in.');
      });
    });
  });
}
