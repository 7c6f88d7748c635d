import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ConsoleWorld, Person } from '../testing/console-world.ts';

const soak = process.env.LOOM_TEST_SOAK === '1';
const namesBetweenGuesses = soak ? 1_000 : 15;
const guesses = 30;

/** Everyone here comes by the console from one address, as people behind one proxy do. */
export function signInSpecs(world: () => ConsoleWorld): void {
  describe('guessing a password through the console', () => {
    let victim: Person;
    let neighbour: Person;
    /** Of a browser that the victim has signed in with. */
    let device = '';
    const signIn = (email: string, password: string, cookie: string | null = null) =>
      world().asked('control', '/v1/sign-in', cookie, { body: { email, password } });
    const statusOf = async (...attempt: Parameters<typeof signIn>) => {
      const response = await signIn(...attempt);
      await response.text();
      return response.status;
    };

    beforeAll(async () => {
      const client = world().clientOf(await world().admin(), 'default');
      victim = await world().invite(client, 'member', 'victim');
      neighbour = await world().invite(client, 'member', 'neighbour');
      const cookies = (await signIn(victim.email, victim.password)).headers.getSetCookie();
      device = cookies.find((cookie) => cookie.startsWith('loom_device='))?.split(';')[0] ?? '';
    }, 60_000);

    it('locks out nobody but strangers: no owner on a known device, no neighbour', async () => {
      for (let guess = 0; guess < 100; guess += 1) await statusOf(victim.email, `guess ${guess}`);
      expect(await statusOf(victim.email, victim.password)).toBe(429);
      expect(await statusOf(victim.email, victim.password, device)).toBe(200);
      expect(await statusOf(neighbour.email, neighbour.password)).toBe(200);
    }, 60_000);

    it('gets no more guesses by making up names', async () => {
      let looked = 0;
      for (let guess = 0; guess < guesses; guess += 1) {
        const status = await statusOf(neighbour.email, `guess number ${guess}`);
        expect([401, 429]).toContain(status);
        if (status === 401) looked += 1;
        if (looked < 5) continue; // while the address still has room for guesses
        const names = Array.from({ length: namesBetweenGuesses }, (_, at) => `${guess}-${at}@example.com`);
        await Promise.all(names.map((name) => statusOf(name, 'a wrong password')));
      }
      expect(looked).toBeLessThanOrEqual(10);
      const refused = await signIn(neighbour.email, 'guess');
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(16 * 60);
    }, 600_000);
  });
}
