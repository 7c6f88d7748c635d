import { describe, expect, it } from '@jest/globals';
import { type Stage } from '../testing/stage.ts';

export function signInSpecs(stage: () => Stage): void {
  describe('the sign-in', () => {
    it('says when the password is wrong, and leads on to the page that was meant when it is right', async () => {
      await stage().visit(
        async (visit) => {
          visit.expectComplaint(/401/);
          const { adminEmail, adminPassword } = stage().world.runtime;
          await visit.goto('/p/default/sessions');
          expect(await visit.path((path) => path.startsWith('/sign-in'))).toContain(
            `next=${encodeURIComponent('/p/default/sessions')}`,
          );
          await visit.page.getByLabel('Email').fill(adminEmail);
          await visit.page.getByLabel('Password').fill('not the password');
          await visit.button('Sign in').click();
          await visit.sees(/wrong|do not match|incorrect/i);
          await visit.page.getByLabel('Password').fill(adminPassword);
          await visit.button('Sign in').click();
          await visit.path((path) => path === '/p/default/sessions');
          await visit.sees(visit.page.getByRole('heading', { name: 'Sessions' }));
        },
        { cookie: null },
      );
    });

    it('leads to no other site', async () => {
      await stage().visit(
        async (visit) => {
          visit.expectComplaint(/401/);
          const { adminEmail, adminPassword } = stage().world.runtime;
          await visit.goto('/sign-in?next=//tracker.invalid/x');
          await visit.page.getByLabel('Email').fill(adminEmail);
          await visit.page.getByLabel('Password').fill(adminPassword);
          await visit.button('Sign in').click();
          await visit.path((path) => path.startsWith('/p/'));
        },
        { cookie: null },
      );
    });

    it('comes again when the session is ended in another tab', async () => {
      const { world } = stage();
      const cookie = await world.signIn(world.runtime.adminEmail, world.runtime.adminPassword);
      await stage().visit(
        async (visit) => {
          visit.expectComplaint(/401/);
          await visit.goto('/p/default/traces?range=7d');
          await visit.sees(visit.page.getByRole('table', { name: 'Traces' }));
          const tab = await visit.tab();
          await tab.goto(`${world.runtime.consoleUrl}/p/default`);
          await tab.getByRole('button', { name: 'Account menu' }).click();
          await tab.getByRole('menuitem', { name: 'Sign out' }).click();
          await tab.waitForURL('**/sign-in');
          const path = await visit.path((path) => path.startsWith('/sign-in'));
          expect(path).toContain(`next=${encodeURIComponent('/p/default/traces?range=7d')}`);
          await visit.sees(/Your session is over/);
        },
        { cookie },
      );
    });
  });
}
