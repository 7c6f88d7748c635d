import { afterAll, beforeAll } from '@jest/globals';
import { ConsoleWorld } from '../testing/console-world.ts';
import { injectionSpecs } from './injections.specs.ts';
import { matrixSpecs } from './matrix.specs.ts';
import { signInSpecs } from './sign-in.specs.ts';
import { socketSpecs } from './sockets.specs.ts';
import { foundTenants, type Tenants } from './tenants.ts';

/*
 * Attacks on a deployment, kept as suites: small here, with their full counts in `npm run test:soak`. All share one
 * deployment; those that fill its ports come last.
 */
let world: ConsoleWorld | null = null;
let tenants: Tenants | null = null;
beforeAll(async () => {
  world = await ConsoleWorld.start();
  tenants = await foundTenants(world);
}, 240_000);
afterAll(() => world?.stop(), 60_000);
const current = (): ConsoleWorld => {
  if (!world) throw new Error('the deployment did not start');
  return world;
};
const founded = (): Tenants => {
  if (!tenants) throw new Error('the tenants were not founded');
  return tenants;
};
matrixSpecs(current, founded);
injectionSpecs(current, founded);
signInSpecs(current);
socketSpecs(current);
