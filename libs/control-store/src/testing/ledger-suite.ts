import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlStore } from '../control-store.ts';
import type { Append, LedgerStore, NewLeaf } from '../ledger-store.ts';
import { openControlStore } from '../open.ts';
import type { SuiteDatabase } from './control-store-suite.ts';

/** What every driver of the control store does with logs. Each case has a project of its own. */
export function ledgerSuite(name: string, start: () => Promise<SuiteDatabase>): void {
  describe(`ledger store on ${name}`, () => {
    let database: SuiteDatabase;
    let store: ControlStore;
    let other: ControlStore;
    let ledger: LedgerStore;
    beforeAll(async () => {
      database = await start();
      const { url, ledgerUrl = url, schema = 'migrate' } = database;
      const open = (at: URL) => openControlStore(at, { sessionSecret: 'x'.repeat(32), schema });
      [store, other] = await Promise.all([open(url), open(ledgerUrl)]);
      ledger = (database.ledgerUrl ? other : store).ledger;
    });
    afterAll(async () => {
      await store.close();
      await other.close();
      await database.stop();
    });

    const leaf = (eventId: string, kind = 'call.accepted'): NewLeaf => ({
      ...{ eventId, kind, timeMs: 1_772_600_400_123 },
      envelope: `{"id":"${eventId}"}`,
    });
    const change = (projectId: string, expected: Append['expected'], part: Partial<Append>): Append => ({
      ...{ projectId, expected },
      head: { epoch: expected.epoch + 1, edge: [randomBytes(32)], appender: 'a' },
      ...{ leaves: [], marks: new Map(), gaps: [], filledGaps: [], ends: [], openCalls: [], endedCalls: [] },
      ...{ orphanedCalls: [], nowMs: 5 },
      ...part,
    });
    const start0 = { epoch: 0, size: 0 };

    it('appends to the head that was read, and keeps everything of the change', async () => {
      const projectId = randomUUID();
      expect(await ledger.readHead(projectId)).toEqual({ epoch: 0, size: 0, edge: [], appender: '' });
      const edge = [randomBytes(32), randomBytes(32)];
      const first = change(projectId, start0, {
        head: { epoch: 1, edge, appender: 'sealer' },
        leaves: [leaf('c1/accepted'), leaf('c2/accepted'), leaf('c10/end')],
        marks: new Map([['e1', 7]]),
        gaps: [{ emitter: 'e1', from: 3, to: 5, noticedAtMs: 9, isSealed: false }],
        openCalls: [{ callId: 'c1', acceptedAtMs: 1 }],
        ends: [{ projectId, emitter: 'e1', lastSeq: 9 }],
      });
      expect(await ledger.append(first)).toBe(true);
      expect(await ledger.readHead(projectId)).toEqual({ epoch: 1, size: 3, edge, appender: 'sealer' });
      expect(await ledger.readLeaves(projectId, 1, 3)).toEqual([
        { index: 1, ...leaf('c2/accepted') },
        { index: 2, ...leaf('c10/end') },
      ]);
      expect((await ledger.findLeaves(projectId, 'c1')).map(({ eventId }) => eventId)).toEqual([
        'c1/accepted',
      ]);
      const progress = { projectId, emitters: ['e1', 'e2'], ids: ['c1/accepted', 'c9'] };
      expect(await ledger.readProgress(progress)).toEqual({
        marks: new Map([['e1', 7]]),
        gaps: [{ projectId, emitter: 'e1', from: 3, to: 5, noticedAtMs: 9, isSealed: false }],
        knownIds: new Set(['c1/accepted']),
      });
      expect(await ledger.listOverdueEnds(6)).toContainEqual({
        projectId,
        emitter: 'e1',
        mark: 7,
        lastSeq: 9,
      });
      expect(await ledger.countOpenCalls(projectId)).toEqual({ open: 1, orphaned: 0 });
    });

    it('lets one of many at once change a head, and nothing of the others', async () => {
      const projectId = randomUUID();
      const rivals = Array.from({ length: 8 }, (_, rival) =>
        (rival % 2 ? other.ledger : ledger).append(
          change(projectId, start0, { leaves: [leaf(`r${rival}`)], marks: new Map([[`e${rival}`, 1]]) }),
        ),
      );
      expect((await Promise.all(rivals)).filter(Boolean)).toHaveLength(1);
      const again = [1, 2, 3].map((rival) =>
        ledger.append(change(projectId, { epoch: 1, size: 1 }, { leaves: [leaf(`s${rival}`)] })),
      );
      expect((await Promise.all(again)).filter(Boolean)).toHaveLength(1);
      const leaves = await ledger.readLeaves(projectId, 0, 10);
      expect(leaves.map(({ index }) => index)).toEqual([0, 1]);
      const emitters = rivals.map((_, rival) => `e${rival}`);
      expect((await ledger.readProgress({ projectId, emitters, ids: [] })).marks.size).toBe(1);
    });

    it('refuses a stale head, a head of a log that is gone, and an event id that is there', async () => {
      const projectId = randomUUID();
      expect(await ledger.append(change(projectId, { epoch: 4, size: 9 }, { leaves: [leaf('x')] }))).toBe(
        false,
      );
      expect(await ledger.readLeaves(projectId, 0, 100)).toEqual([]);
      expect(await ledger.append(change(projectId, start0, { leaves: [leaf('a')] }))).toBe(true);
      for (const stale of [start0, { epoch: 1, size: 0 }, { epoch: 0, size: 1 }])
        expect(await ledger.append(change(projectId, stale, { leaves: [leaf('b')] }))).toBe(false);
      const twice = change(projectId, { epoch: 1, size: 1 }, { leaves: [leaf('c'), leaf('a')] });
      await expect(ledger.append(twice)).rejects.toMatchObject({ code: 'conflict' });
      expect((await ledger.readHead(projectId)).size).toBe(1);
    });

    it('closes gaps, ends and calls', async () => {
      const projectId = randomUUID();
      await ledger.append(
        change(projectId, start0, {
          marks: new Map([['e', 9]]),
          gaps: [{ emitter: 'e', from: 2, to: 4, noticedAtMs: 1, isSealed: false }],
          ends: [{ projectId, emitter: 'e', lastSeq: 9 }],
          openCalls: ['a', 'b'].map((callId) => ({ callId, acceptedAtMs: 1 })),
        }),
      );
      await ledger.append(
        change(
          projectId,
          { epoch: 1, size: 0 },
          {
            marks: new Map([['e', 5]]),
            filledGaps: [{ emitter: 'e', from: 2 }],
            gaps: [{ emitter: 'e', from: 3, to: 4, noticedAtMs: 1, isSealed: true }],
            ...{ endedCalls: ['a'], orphanedCalls: ['b'] },
          },
        ),
      );
      expect(await ledger.listGaps(projectId)).toEqual([
        { projectId, emitter: 'e', from: 3, to: 4, noticedAtMs: 1, isSealed: true },
      ]);
      const { marks } = await ledger.readProgress({ projectId, emitters: ['e'], ids: [] });
      expect(marks.get('e')).toBe(9); // never back
      await ledger.dropReachedEnds();
      expect((await ledger.listOverdueEnds(100)).filter((end) => end.projectId === projectId)).toEqual([]);
      expect(await ledger.countOpenCalls(projectId)).toEqual({ open: 1, orphaned: 1 });
      expect((await ledger.listOverdueCalls(100)).filter((call) => call.projectId === projectId)).toEqual([]);
    });

    it('publishes checkpoints with their tiles, which only grow', async () => {
      const projectId = randomUUID();
      const tile = (hashes: number) => ({ level: 0, index: 0, hashes: Buffer.alloc(hashes * 32, hashes) });
      const checkpoint = (size: number) => ({
        ...{ size, edge: [randomBytes(32)], note: `note ${size}`, sealedAtMs: size * 1000 },
      });
      for (const size of [2, 5, 3]) await ledger.putTiles(projectId, [tile(size)]);
      for (const size of [2, 5]) await ledger.publish(projectId, checkpoint(size));
      await ledger.publish(projectId, { ...checkpoint(2), note: 'another' });
      expect(await ledger.readCheckpoint(projectId)).toMatchObject({ size: 5, note: 'note 5' });
      expect(await ledger.readCheckpoint(projectId, { size: 4 })).toMatchObject({ size: 2, note: 'note 2' });
      expect(await ledger.readCheckpoint(projectId, { sealedAtMs: 4999 })).toMatchObject({ size: 2 });
      expect(await ledger.readCheckpoint(projectId, { size: 1 })).toBeNull();
      expect(await ledger.checkpointOver(projectId, 3)).toMatchObject({ size: 5 });
      expect(await ledger.checkpointOver(projectId, 6)).toBeNull();
      const tiles = await ledger.readTiles(projectId, [{ level: 0, index: 0 }, { level: 1, index: 0 }]); // prettier-ignore
      expect([...tiles]).toEqual([['0/0', Buffer.alloc(5 * 32, 5)]]);
    });

    it('gives each bucket one current key, whoever asks first, and keeps keys made elsewhere', async () => {
      const projectId = randomUUID();
      const make = () => ({ keyId: randomUUID(), sealedKey: 'lk1.…', createdAtMs: 1, fromMs: 0 });
      const asked = [ledger, other.ledger, ledger, other.ledger].map((one) =>
        one.bucketKey(projectId, 'user/a', make),
      );
      const ids = new Set((await Promise.all(asked)).map(({ keyId }) => keyId));
      expect(ids.size).toBe(1);
      const own = { ...make(), projectId, bucket: 'user/a' };
      await ledger.keepBucketKey(own);
      await ledger.keepBucketKey({ ...own, sealedKey: 'changed' });
      const found = await ledger.readBucketKeys([own.keyId, ...ids, 'gone']);
      expect(found.size).toBe(2);
      expect(found.get(own.keyId)?.sealedKey).toBe('lk1.…');
    });

    it('lists keys by their buckets and by days, and deletes those that are named', async () => {
      const projectId = randomUUID();
      const keep = async (bucket: string, own = projectId) => {
        const keyId = randomUUID();
        const key = { keyId, sealedKey: 'lk1.…', createdAtMs: 1, fromMs: 60_000 };
        await ledger.keepBucketKey({ ...key, projectId: own, bucket });
        return keyId;
      };
      const [user, old, newer] = [
        await keep('user/a'),
        await keep('day/2026-10-31'),
        await keep('day/2026-11-01'),
      ];
      await keep('day/2026-10-31', randomUUID());
      const list = async (of: Parameters<typeof ledger.listBucketKeys>[1]) =>
        (await ledger.listBucketKeys(projectId, of)).map(({ keyId }) => keyId);
      expect(await list({})).toEqual([]);
      expect(await list({ daysBefore: '2026-11-01' })).toEqual([old]);
      expect(await list({ buckets: ['user/a', 'user/b'], daysBefore: '2026-11-02' })).toEqual(
        [user, old, newer].sort(),
      );
      expect(await ledger.listBucketKeys(projectId, { buckets: ['user/a'] })).toMatchObject([
        { keyId: user, bucket: 'user/a', fromMs: 60_000, isCurrent: false },
      ]);
      await ledger.deleteBucketKeys([user, old, 'gone']);
      expect(await list({ buckets: ['user/a'], daysBefore: '2027-01-01' })).toEqual([newer]);
    });

    it('lists changes of control that no leaf tells of', async () => {
      const id = randomUUID();
      await store.createOrganization({ id, name: 'Acme' });
      const mine = async () =>
        (await ledger.listUnsealedChanges(1000)).filter(({ resourceId }) => resourceId === id);
      const [unsealed] = await mine();
      expect(unsealed).toMatchObject({ projectId: null, action: 'organization.create', actorId: 'system' });
      expect(unsealed?.record).toMatchObject({ resource_name: 'Acme', after: { name: 'Acme' } });
      const head = await ledger.readHead('system');
      await ledger.append(
        change('system', head, { leaves: [leaf(`control/${unsealed?.id}`, 'control.changed')] }),
      );
      expect(await mine()).toEqual([]);
    });
  });
}
