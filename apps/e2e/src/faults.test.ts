import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Random, toolSuite, UpstreamPlayer } from '@loom/testkit';
import { eventually, startMsMax } from './testing/deployment.ts';
import { mixedAnswer } from './testing/mixed-calls.ts';
import { foreseeablePaths, siteOf } from './testing/faults/call-sites.ts';
import { expectConsistent } from './testing/faults/consistency.ts';
import { FaultyDeployment, type Victim, victims } from './testing/faults/faulty-deployment.ts';
import {
  type FileCall,
  faults,
  type Injection,
  Injector,
  missingForStrace,
} from './testing/faults/injector.ts';

/*
 * A disk that fails, or a process that dies, at one write, sync or rename of the processes that own the outbox (gateway)
 * and the sealer (backend) of a deployment on one machine: while it starts and while it works. After each, without the
 * fault, `loom fsck` must find stream, store and ledger consistent, and nothing that was acknowledged may be missing.
 * LOOM_TEST_SEED repeats a choice; `npm run test:soak` goes through every call site that it sees; with LOOM_TEST_SITE only
 * those are struck whose line has that text, such as "KILL write ledger/journal".
 */
const soak = process.env.LOOM_TEST_SOAK === '1';
const seed = Number(process.env.LOOM_TEST_SEED ?? Date.now() % 1_000_000);
const onlySite = process.env.LOOM_TEST_SITE ?? '';
const injectionsOfVictim = 8;
const triesMax = 3;
const quietMs = 2_500;
const afterFaultMs = 400;
const settleMsMax = 30_000;
const roundMsMax = 120_000;
const soakMsMax = 4 * 3_600_000;
const phases = ['start', 'work'] as const;
const kindsOfWork = ['json', 'stream', 'error', 'break', 'json'];

interface Target {
  readonly phase: (typeof phases)[number];
  readonly site: string;
  readonly injection: Injection;
}

const tell = ({ site, injection }: Target): string => `${injection.fault} ${site}`;

toolSuite({ tool: 'strace', missing: missingForStrace }, () => {
  const random = new Random(seed);
  /** Markers of calls by whose answer the client knows that they were taken. */
  const acknowledged = new Set<string>();
  let player: UpstreamPlayer;
  let loom: FaultyDeployment;
  let callsBegun = 0;
  let rounds = 0;

  beforeAll(async () => {
    player = await UpstreamPlayer.start(mixedAnswer);
    loom = await FaultyDeployment.start({
      ...{ OPENAI_BASE_URL: player.url, OPENAI_API_KEY: 'sk-x', LOOM_LEDGER_GAP_AFTER: '1s' },
      ...{ LOOM_LEDGER_SEAL_INTERVAL: '200ms', LOOM_STREAM_SEGMENT_AGE: '2s' },
    });
  }, 2 * startMsMax);
  afterAll(async () => {
    await loom.destroy();
    await player.close();
  });

  it.each(victims)(
    `faults at ${soak ? 'every' : `${injectionsOfVictim}`} file calls of the %s leave the record consistent (LOOM_TEST_SEED=${seed})`,
    async (victim) => {
      const targets = (await findTargets(victim)).filter((target) => tell(target).includes(onlySite));
      const chosen = soak
        ? oneOfEach(targets, ({ site, injection }) => `${site} ${injection.fault}`)
        : oneOfEach(targets, ({ injection }) => `${injection.name} ${injection.fault}`).slice(
            0,
            injectionsOfVictim,
          );
      const missed: string[] = [];
      for (const target of chosen) {
        const told = `${target.phase}: ${tell(target)}`;
        if (soak) process.stdout.write(`${victim} ${told}\n`);
        if (!(await strikeUntilHit(victim, target))) missed.push(told);
      }
      if (soak)
        process.stdout.write(`${victim}: ${chosen.length - missed.length} of ${chosen.length} faults\n`);
      expect(missed.length).toBeLessThanOrEqual(chosen.length / 4); // which call comes n-th is not the same each time
    },
    soak ? soakMsMax : (injectionsOfVictim + 2) * roundMsMax,
  );

  /** Every call site that shows itself in a start and some work without a fault, with each of the faults. */
  async function findTargets(victim: Victim): Promise<Target[]> {
    const targets: Target[] = [];
    for (const phase of phases) {
      const { injector, paths } = await begin(victim, phase, null);
      await work();
      await delay(quietMs);
      await injector.detach();
      const counts = new Map<string, number>();
      for (const call of await injector.calls()) {
        const isWrite = call.name.includes('write');
        if (isWrite && !paths.includes(call.path)) continue;
        const at = (counts.get(call.name) ?? 0) + 1;
        counts.set(call.name, at);
        const site = siteOf(call, loom.home);
        if (targets.some((target) => target.phase === phase && target.site === site)) continue;
        for (const fault of faults) {
          const injection = { fault, name: call.name, at, paths: isWrite ? paths : null };
          targets.push({ phase, site, injection });
        }
      }
    }
    await expectConsistent(loom, { player, acknowledged, settleMsMax }, `a start of the ${victim}`);
    return targets;
  }

  /** One of each kind, chosen by the seed. */
  function oneOfEach(targets: readonly Target[], kindOf: (target: Target) => string): Target[] {
    const groups = Map.groupBy(random.shuffle(targets), kindOf);
    return [...groups.values()].flatMap(([first]) => first ?? []);
  }

  async function strikeUntilHit(victim: Victim, target: Target): Promise<boolean> {
    for (let tried = 0; tried < triesMax; tried += 1) if (await strike(victim, target)) return true;
    return false;
  }

  /** One fault, and what is left of it. False when the call did not come. */
  async function strike(victim: Victim, { phase, injection }: Target): Promise<boolean> {
    loom.takeOutput();
    const { injector } = await begin(victim, phase, injection);
    await work();
    const hit = await waitForHit(injector);
    await delay(hit ? afterFaultMs : 0);
    await injector.detach();
    const { fault } = injection;
    const told = `${fault} at ${hit ? siteOf(hit, loom.home) : 'no call'}`;
    const output = loom.takeOutput();
    if (hit && fault !== 'KILL' && !output.includes(fault))
      throw new Error(`${told}: the ${victim} said nothing of it:\n${output}`);
    if (!loom.isRunning(victim)) await loom.start(victim);
    await work();
    await expectConsistent(loom, { player, acknowledged, settleMsMax }, told);
    return hit !== null;
  }

  /** With a call under way, so that its outbox has something to end, the victim is started again, or it goes on. */
  async function begin(
    victim: Victim,
    phase: Target['phase'],
    injection: Injection | null,
  ): Promise<{ injector: Injector; paths: readonly string[] }> {
    if (phase === 'start') {
      const open = call('stream');
      await delay(50);
      await loom.kill(victim);
      await open;
      await loom.startGated(victim);
    }
    const paths = await foreseeablePaths(loom.home);
    const log = join(loom.home, `calls-${(rounds += 1)}`);
    const now = injection && { ...injection, paths: injection.paths && paths };
    const injector = await Injector.attach(loom.pidOf(victim), log, now);
    if (phase === 'start') await loom.openGate(victim);
    return { injector, paths };
  }

  async function waitForHit(injector: Injector): Promise<FileCall | null> {
    try {
      return await eventually(() => injector.hit(), (hit) => hit !== null, quietMs); // prettier-ignore
    } catch {
      return null;
    }
  }

  async function work(): Promise<void> {
    await Promise.all(kindsOfWork.map(call));
  }

  /** Whatever becomes of it. */
  async function call(kind: string): Promise<void> {
    const marker = `marker-${(callsBegun += 1)}`;
    try {
      const response = await fetch(`${loom.urlOf('gateway')}/v1/chat/completions`, {
        method: 'POST',
        headers: {
          ...{ authorization: `Bearer ${loom.apiKey}`, 'content-type': 'application/json' },
          'x-loom-user-id': marker, // a bucket key for each
        },
        body: JSON.stringify({
          ...{ model: 'gpt-4o-mini', kind, pauseMs: 100, stream: kind === 'stream' || kind === 'break' },
          messages: [{ role: 'user', content: marker }],
        }),
      });
      if (response.headers.has('x-loom-receipt')) acknowledged.add(marker);
      await response.text();
    } catch {
      return; // refused, or broken off
    }
  }
});
