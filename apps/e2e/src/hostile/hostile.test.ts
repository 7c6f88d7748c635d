import { afterAll, beforeAll } from '@jest/globals';
import { ConsoleWorld } from '../testing/console-world.ts';
import { matrixSpecs } from './matrix.specs.ts';

/*
 * Attacks on a deployment, kept as suites: small here, with their full counts in `npm run test:soak`. All share one
 * deployment; those that fill its ports come last.
 */
let world: ConsoleWorld | null = null;
beforeAll(async () => {
  world = await ConsoleWorld.start();
}, 180_000);
afterAll(() => world?.stop(), 60_000);
const current = (): ConsoleWorld => {
  if (!world) throw new Error('the deployment did not start');
  return world;
};
matrixSpecs(current);
