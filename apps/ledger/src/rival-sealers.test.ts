import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type ControlStore, openControlStore } from '@loom/control-store';
import { startTestEngines } from '@loom/engine-host/testing';
import type { NewRecord } from '@loom/event-stream';
import { CompactRange, equalBytes, leafHash, nodeCrypto, parseEnvelope, utf8 } from '@loom/ledger';
import { missingForPostgres, Random, startedServerSuite, startPostgres } from '@loom/testkit';
import { topics } from '@loom/trace-schema';
import { recordOf, TestEmitter } from './testing/events.ts';

const soak = process.env.LOOM_TEST_SOAK === '1';
const rounds = soak ? 200 : 10;
const seed = Number(process.env.LOOM_TEST_SEED ?? 118_846);
const batchesOfRound = 6;
const roundMsMax = 60_000;

rivalSealers('the engine host', async () => {
  const engines = await startTestEngines();
  return { url: new URL(engines.controlStoreUrl), stop: () => engines.stop() };
});
const postgres = { server: 'PostgreSQL', variable: 'LOOM_TEST_POSTGRES_URL' };
await startedServerSuite({ ...postgres, missing: missingForPostgres, start: startPostgres }, (url) => {
  rivalSealers('a PostgreSQL server', () => Promise.resolve({ url, stop: () => Promise.resolve() }));
});

function rivalSealers(name: string, start: () => Promise<{ url: URL; stop(): Promise<void> }>): void {
  let database: { url: URL; stop(): Promise<void> };
  let store: ControlStore;
  let sealers: ChildProcess[];
  beforeAll(async () => {
    database = await start();
    store = await openControlStore(database.url, { sessionSecret: 'x'.repeat(32) });
    const masterKeys = `k1:${randomBytes(32).toString('base64')}`;
    sealers = [0, 1].map(() => forkSealer({ controlStoreUrl: database.url.href, masterKeys }));
    await Promise.all(sealers.map((sealer) => once(sealer, 'message')));
  });
  afterAll(async () => {
    for (const sealer of sealers) sealer.kill('SIGKILL');
    await store.close();
    await database.stop();
  });

  it(
    `two sealers that are stopped and go on neither fork a log nor seal a thing twice, on ${name} (${rounds} rounds, seed ${seed})`,
    async () => {
      const random = new Random(seed);
      const [projectId, emitter] = [randomUUID(), new TestEmitter()];
      const sent: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const batches = Array.from({ length: batchesOfRound }, () => batchOf(emitter, projectId));
        sent.push(...batches.flatMap(({ ids }) => ids));
        await sealedByBoth(sealers, batches, random);
      }
      const head = await store.ledger.readHead(projectId);
      const range = new CompactRange(nodeCrypto);
      const ids: string[] = [];
      for (let at = 0; at < head.size; at = range.size) {
        for (const { index, envelope } of await store.ledger.readLeaves(projectId, at, head.size)) {
          expect(index).toBe(range.size);
          range.append(leafHash(nodeCrypto, utf8(envelope)));
          ids.push(parseEnvelope(envelope).id);
        }
      }
      expect(range.nodes.every((node, at) => equalBytes(node, head.edge[at] ?? new Uint8Array()))).toBe(true);
      expect(ids).toEqual(sent); // each once, in the order of its emitter
      expect(await store.ledger.listGaps(projectId)).toEqual([]);
      expect(head.epoch).toBeGreaterThan(1); // both have appended
    },
    rounds * roundMsMax,
  );
}

function forkSealer(options: object): ChildProcess {
  const script = fileURLToPath(new URL('testing/sealer.main.ts', import.meta.url));
  const execArgv = ['--conditions=loom:source', '--disable-warning=ExperimentalWarning'];
  return fork(script, [JSON.stringify(options)], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

interface SentBatch {
  readonly ids: readonly string[];
  readonly records: readonly NewRecord[];
}

function batchOf(emitter: TestEmitter, projectId: string): SentBatch {
  const calls = Array.from({ length: 5 }, () => emitter.call(projectId));
  return {
    ids: calls.flatMap(({ accepted, ended }) => [accepted.id, ended.id]),
    records: calls.flatMap(({ accepted, chunks, ended }) => [accepted, chunks, ended]).map(recordOf),
  };
}

/** Both get every batch in order, as after a rebalance; one is stopped in the middle, for as long as the other works. */
async function sealedByBoth(
  sealers: readonly ChildProcess[],
  batches: readonly SentBatch[],
  random: Random,
): Promise<void> {
  const stopped = sealers[random.below(2)];
  const works = sealers.map(async (sealer) => {
    for (const [batch, { records }] of batches.entries()) {
      const order = {
        batch,
        records: records.map((record) => ({
          ...record,
          value: record.value.toString(),
          topic: topics.traces,
        })),
      };
      for (;;) {
        const answered = once(sealer, 'message');
        sealer.send(order);
        const [answer] = (await answered) as [{ sealed?: number }];
        if (answer.sealed === batch) break; // one that failed comes again
      }
    }
  });
  await delay(random.below(40));
  stopped?.kill('SIGSTOP');
  await delay(50 + random.below(150));
  stopped?.kill('SIGCONT');
  await Promise.all(works);
}
