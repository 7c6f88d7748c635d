import { afterAll, beforeAll } from '@jest/globals';
import { browserSuite } from '../testing/browser-suite.ts';
import { Stage } from '../testing/stage.ts';
import { activitySpecs } from './activity.specs.ts';
import { hostileSpecs } from './hostile.specs.ts';
import { isolationSpecs } from './isolation.specs.ts';
import { ledgerSpecs } from './ledger.specs.ts';
import { liveSpecs } from './live.specs.ts';
import { looksSpecs } from './looks.specs.ts';
import { manageSpecs } from './manage.specs.ts';
import { overviewSpecs } from './overview.specs.ts';
import { signInSpecs } from './sign-in.specs.ts';
import { traceSpecs } from './trace.specs.ts';
import { tracesSpecs } from './traces.specs.ts';
import { weightSpecs } from './weight.specs.ts';

/*
 * The console as people use it: Chromium before a deployment with real calls. Starting it costs seconds, so that all
 * specs share one; the last of them kills its backend.
 */
browserSuite('the console in a browser', (executable) => {
  let stage: Stage | null = null;
  beforeAll(async () => {
    stage = await Stage.open(executable);
  }, 180_000);
  afterAll(() => stage?.close(), 60_000);
  const current = (): Stage => {
    if (!stage) throw new Error('the stage did not open');
    return stage;
  };
  weightSpecs(current);
  signInSpecs(current);
  overviewSpecs(current);
  tracesSpecs(current);
  traceSpecs(current);
  activitySpecs(current);
  manageSpecs(current);
  ledgerSpecs(current);
  hostileSpecs(current);
  isolationSpecs(current);
  looksSpecs(current);
  liveSpecs(current);
});
