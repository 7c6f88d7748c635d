import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BucketKey, ControlStore, Erasure, LedgerStore } from '@loom/control-store';
import { bucketLabels, parseMasterKeys, sealBucketKey, sealErasedUser } from '@loom/control-store/secrets';
import type { EventStream } from '@loom/event-stream';
import { keyPeriodMs, newBucketKey, parseEnvelope } from '@loom/ledger';
import { nanosOfMillis, newUuid, topics, type TraceEvent } from '@loom/trace-schema';
import { batchOf, spanRow } from '@loom/trace-store/testing';
import { Commitments } from '../seal/commitments.ts';
import { KeyFiles } from '../seal/key-files.ts';
import { LogAppender } from '../seal/log-appender.ts';
import { recordOf, TestEmitter } from '../testing/events.ts';
import { LedgerFixture, masterKeys as masterKeysText, until } from '../testing/ledger-fixture.ts';
import { proxyOf } from '../testing/proxy-of.ts';
import { Eraser } from './eraser.ts';

const masterKeys = parseMasterKeys(masterKeysText);

describe('the erasure of an end user', () => {
  let fixture: LedgerFixture;
  let store: ControlStore;
  let ledger: LedgerStore;
  let stream: EventStream;
  let projectId: string;
  let emitter: TestEmitter;

  beforeAll(async () => {
    fixture = await LedgerFixture.open();
    ({ store } = fixture.opened);
    ({ ledger } = store);
  });
  afterAll(() => fixture.close());
  beforeEach(async () => {
    ({ stream, projectId } = await fixture.beginTest());
    emitter = new TestEmitter();
    [fixture.aheadMs, fixture.leftMs] = [0, 0];
    const organizationId = randomUUID();
    await store.createOrganization({ id: organizationId, name: 'Acme' });
    await store.createProject({
      ...{ id: projectId, organizationId, name: 'main', capture: 'strict', content: 'searchable' },
    });
  });
  afterEach(() => fixture.endTest());

  const send = async (...events: TraceEvent[]) => {
    await (await stream.producer(topics.traces)).append(events.map(recordOf));
    await until(async () => (await stream.lag('ledger', [topics.traces])) === 0);
  };
  const sendCall = async ({ accepted, chunks, ended }: ReturnType<TestEmitter['call']>) =>
    send(accepted, chunks, ended);
  const leaves = async () =>
    (await ledger.readLeaves(projectId, 0, 4096)).map(({ envelope }) => parseEnvelope(envelope));
  const bucketOf = async (eventId: string) => (await leaves()).find(({ id }) => id === eventId)?.bucket;
  const erasedBuckets = async () =>
    (await leaves()).filter(({ kind }) => kind === 'payload.erased').flatMap(({ buckets }) => buckets ?? []);
  const keyIdsOf = async (userId: string) => {
    const buckets = bucketLabels(masterKeys, projectId, `user/${userId}`);
    return (await ledger.listBucketKeys(projectId, { buckets })).map(({ keyId }) => keyId);
  };
  const request = async (userId: string): Promise<string> => {
    const id = randomUUID();
    const sealedUser = sealErasedUser(masterKeys, id, userId);
    const requested = { requestedBy: 'owner-1', requestedAtMs: Date.now() };
    await ledger.createErasure({ id, projectId, sealedUser, ...requested });
    return id;
  };
  const inState = (id: string, wanted: Erasure['state']): Promise<Erasure> =>
    until(async () =>
      (await ledger.listErasures(projectId)).find((found) => found.id === id && found.state === wanted),
    );
  const createdKey = (keyId: string, userId: string): TraceEvent => {
    const sealed = sealBucketKey(masterKeys, keyId, newBucketKey());
    return emitter.stamp<TraceEvent>(projectId, {
      ...{ id: `${keyId}/created`, type: 'key.created', keyId, bucket: `user/${userId}`, sealed },
    } as never);
  };

  it('takes keys and rows, and a leaf says so; the others stay', async () => {
    fixture.leftMs = 3_600_000;
    await fixture.startLedger();
    const [tom, bob] = [
      emitter.call(projectId, { userId: 'tom' }),
      emitter.call(projectId, { userId: 'bob' }),
    ];
    await sendCall(tom);
    await sendCall(bob);
    const [ofTom = '', ofBob = ''] = [
      await bucketOf(`${tom.callId}/end`),
      await bucketOf(`${bob.callId}/end`),
    ];
    const id = await request('tom');
    const { beforeMs } = await inState(id, 'keys_gone');
    const cutMs = beforeMs ?? 0;
    expect(cutMs % keyPeriodMs).toBe(0);
    expect(cutMs).toBeGreaterThan(Date.now());
    await delay(300);
    await inState(id, 'keys_gone'); // rows stay until it is known which calls are meant
    fixture.aheadMs = 2 * keyPeriodMs;
    await inState(id, 'rows_gone');
    await delay(300);
    await inState(id, 'rows_gone'); // the deadline has passed, and the rows are still in an old part
    fixture.leftMs = 0;
    expect(await inState(id, 'complete')).toMatchObject({ sealedUser: '', buckets: [ofTom] });
    expect((await leaves()).find(({ kind }) => kind === 'payload.erased')).toMatchObject({
      ...{ buckets: [ofTom], actor: 'owner-1' },
    });
    expect([...(await ledger.readBucketKeys([ofTom, ofBob])).keys()]).toEqual([ofBob]);
  });

  it('takes a call as a whole that is under way, and no call of later', async () => {
    await fixture.startLedger();
    const call = emitter.call(projectId, { userId: 'tom' });
    await send(call.accepted);
    const id = await request('tom');
    const { beforeMs, buckets } = await inState(id, 'keys_gone');
    const last = emitter.call(projectId, { userId: 'tom', beganAtMs: (beforeMs ?? 0) - 1 });
    const next = emitter.call(projectId, { userId: 'tom', beganAtMs: beforeMs ?? 0 });
    await delay(5_500); // a sealer may use a key for five seconds that it knows
    await send(call.chunks, call.ended, last.accepted, next.accepted);
    expect(buckets).toEqual([await bucketOf(`${call.callId}/accepted`)]);
    const found = await leaves();
    for (const eventId of [`${call.callId}/end`, `${last.callId}/accepted`]) {
      const leaf = found.find((one) => one.id === eventId);
      expect({ commits: leaf?.commits, bucket: leaf?.bucket }).toEqual({ commits: {}, bucket: undefined });
    }
    expect([await bucketOf(`${next.callId}/accepted`)]).toEqual(await keyIdsOf('tom'));
  });

  it('takes keys of before it that an emitter sends later, with a leaf for each, and none of after it', async () => {
    const root = await mkdtemp(join(fixture.opened.directory, 'late-'));
    await fixture.startLedger({
      LOOM_LEDGER_JOURNAL: true,
      LOOM_LEDGER_DIRECTORY: root,
      LOOM_LEDGER_ERASURE_DEADLINE: 3_600_000,
    });
    const early = newUuid(Date.now() - 1000);
    await send(createdKey(early, 'tom'));
    const id = await request('tom');
    const { beforeMs } = await inState(id, 'keys_gone');
    fixture.aheadMs = 2 * keyPeriodMs;
    await inState(id, 'rows_gone');
    const [late, after] = [newUuid((beforeMs ?? 0) - 1), newUuid(beforeMs ?? 0)];
    await send(createdKey(late, 'tom'), createdKey(after, 'tom'), createdKey(newUuid(), 'bob'));
    await until(async () => !(await keyIdsOf('tom')).includes(late));
    expect(await erasedBuckets()).toEqual([early, late]);
    expect(await keyIdsOf('tom')).toContain(after);
    expect(await keyIdsOf('bob')).toHaveLength(1);
    const files = await KeyFiles.open(join(root, 'bucket-keys'));
    expect(await Promise.all([early, late, after].map((keyId) => files.has(keyId)))).toEqual([
      false,
      false,
      true,
    ]);
    await delay(300);
    expect(await erasedBuckets()).toEqual([early, late]); // and each once
  });

  describe('by one eraser', () => {
    const commitments = (keys = masterKeys) =>
      new Commitments({ store: ledger, masterKeys: keys, keepKey: () => Promise.resolve() });
    const eraserOver = (changes: Partial<LedgerStore>, now = Date.now, keys = masterKeys) =>
      new Eraser({
        store: Object.assign(proxyOf(ledger), changes),
        traceStore: fixture.opened.traceStore,
        appender: new LogAppender({ store: ledger, appender: randomUUID(), journal: null }),
        ...{ commitments: commitments(keys), masterKeys: keys, keyFiles: null, logger: fixture.logger },
        ...{ deadlineMs: 24 * 3_600_000, callMsMax: 1_800_000, now },
      });

    it('takes a key as well that a sealer makes while the others go', async () => {
      const first = await commitments().currentKey(projectId, 'user/tom');
      let rival: BucketKey | null = null;
      const eraser = eraserOver({
        deleteBucketKeys: async (keyIds) => {
          await ledger.deleteBucketKeys(keyIds);
          rival ??= await commitments().currentKey(projectId, 'user/tom');
        },
      });
      const id = await request('tom');
      await eraser.round();
      const { beforeMs } = await inState(id, 'keys_gone');
      expect(new Set(await erasedBuckets())).toEqual(
        new Set([first.keyId, (rival as BucketKey | null)?.keyId]),
      );
      expect((await commitments().currentKey(projectId, 'user/tom')).fromMs).toBe(beforeMs);
    });

    it('names every key that it takes, also when it dies after the leaf and comes again much later', async () => {
      const first = await commitments().currentKey(projectId, 'user/tom');
      const id = await request('tom');
      const dying = eraserOver({
        updateErasure: (ofId, change) =>
          ofId === id && change.state === 'keys_gone'
            ? Promise.reject(new Error('the process died'))
            : ledger.updateErasure(ofId, change),
      });
      await expect(dying.round()).rejects.toThrow('the process died');
      const second = await commitments().currentKey(projectId, 'user/tom');
      await eraserOver({}, () => Date.now() + 10 * keyPeriodMs).round();
      const { buckets } = await inState(id, 'keys_gone');
      expect(buckets).toEqual([first.keyId, second.keyId]);
      expect(new Set(await erasedBuckets())).toEqual(new Set(buckets));
      const third = await commitments().currentKey(projectId, 'user/tom');
      expect(await keyIdsOf('tom')).toEqual([third.keyId]);
    });

    it('takes rows of calls that end long after the cut, and does not wait for its deadline to do so', async () => {
      const { traceStore } = fixture.opened;
      const id = await request('tom');
      let aheadMs = 0;
      const eraser = eraserOver({}, () => Date.now() + aheadMs);
      for (const ahead of [0, 2 * keyPeriodMs]) {
        aheadMs = ahead;
        await eraser.round();
      }
      const { rowsGoneAtMs, beforeMs } = await inState(id, 'rows_gone');
      const span = spanRow({ projectId, userId: 'tom', startTime: nanosOfMillis((beforeMs ?? 0) - 1) });
      await traceStore.writeBatch(batchOf({ spans: [span] }));
      const left = () =>
        traceStore.countErasable({ projectId, users: ['tom'], before: nanosOfMillis(beforeMs ?? 0) });
      await eraser.round();
      expect(await left()).toMatchObject({ spans: 1 });
      aheadMs = 1_800_000 + 2 * keyPeriodMs;
      await eraser.round();
      expect(await left()).toMatchObject({ spans: 0 });
      const again = await inState(id, 'rows_gone');
      expect(again.rowsGoneAtMs).toBeGreaterThan(rowsGoneAtMs ?? Infinity);
      await eraser.round();
      expect(await inState(id, 'rows_gone')).toEqual(again); // once
    });

    it('gives the end user the next key before anything is sealed, under another master key too', async () => {
      await commitments().currentKey(projectId, 'user/tom');
      const id = await request('tom');
      await eraserOver({}).round();
      const { beforeMs } = await inState(id, 'keys_gone');
      const renewed = parseMasterKeys(`k2:${randomBytes(32).toString('base64')},${masterKeysText}`);
      await eraserOver({}, Date.now, renewed).secureCuts();
      const next = await commitments(renewed).currentKey(projectId, 'user/tom');
      expect(next.fromMs).toBe(beforeMs);
      const named = await erasedBuckets();
      await eraserOver({}, Date.now, renewed).round();
      expect(await commitments(renewed).currentKey(projectId, 'user/tom')).toEqual(next);
      expect(await erasedBuckets()).toEqual(named);

      // As restored from files: no key is the current one.
      await ledger.deleteBucketKeys([next.keyId]);
      const [bucket = ''] = bucketLabels(renewed, projectId, 'user/tom');
      await ledger.keepBucketKey({ ...next, projectId, bucket });
      await eraserOver({}, Date.now, renewed).secureCuts();
      expect((await commitments(renewed).currentKey(projectId, 'user/tom')).fromMs).toBe(beforeMs);
      expect((await ledger.readBucketKeys([next.keyId])).size).toBe(1);
    });

    it('goes on with the others when one cannot be read', async () => {
      const lost = parseMasterKeys(`gone:${randomBytes(32).toString('base64')}`);
      const unreadable = randomUUID();
      const sealedUser = sealErasedUser(lost, unreadable, 'eve');
      const requested = { requestedBy: 'owner-1', requestedAtMs: 1 };
      await ledger.createErasure({ id: unreadable, projectId, sealedUser, ...requested });
      const id = await request('tom');
      await eraserOver({}).round();
      await inState(id, 'keys_gone');
      expect((await ledger.listErasures(projectId)).find((one) => one.id === unreadable)?.state).toBe(
        'requested',
      );
    });

    it('leaves it to another that is at it', async () => {
      const id = await request('tom');
      await ledger.withEraserLock(() => eraserOver({}).round());
      expect((await ledger.listErasures(projectId)).find((one) => one.id === id)?.state).toBe('requested');
      await eraserOver({}).round();
      await inState(id, 'keys_gone');
    });
  });
});
