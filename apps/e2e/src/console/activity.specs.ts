import { describe, it } from '@jest/globals';
import { type Stage } from '../testing/stage.ts';

export function activitySpecs(stage: () => Stage): void {
  describe('sessions and users', () => {
    it('lead from the list to a session, and from there to its traces', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/sessions');
        await page.getByRole('link', { name: 'chat-2' }).click();
        await visit.path((path) => path === '/p/default/sessions/chat-2');
        await visit.sees('Question 2 about refunds');
        await visit.sees('Question 11 about refunds');
        await page.getByRole('link', { name: 'As traces' }).click();
        await visit.path((path) => path.includes('/traces?') && path.includes('chat-2'));
      });
    });

    it('find a user', async () => {
      await stage().visit(async (visit) => {
        const { page } = visit;
        await visit.goto('/p/default/users');
        await visit.sees(page.getByRole('link', { name: 'petra' }));
        await page.getByRole('textbox').first().fill('jan');
        await page.keyboard.press('Enter');
        await page.getByRole('link', { name: 'petra' }).waitFor({ state: 'hidden' });
        await page.getByRole('link', { name: 'jan' }).click();
        await visit.path((path) => path.includes('/traces?') && path.includes('jan'));
      });
    });

    it('say so when a session is unknown', async () => {
      await stage().visit(async (visit) => {
        await visit.goto('/p/default/sessions/nobody');
        await visit.sees('No call of this project has this session id.');
      });
    });
  });
}
