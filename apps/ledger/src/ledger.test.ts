import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ControlStore } from '@loom/control-store';
import { bucketLabels, openBucketKey, parseMasterKeys, sealBucketKey } from '@loom/control-store/secrets';
import { type TestEngines } from '@loom/engine-host/testing';
import { type EventStream, type NewRecord, PartitionWriter } from '@loom/event-stream';
import {
  commitmentSalt,
  inclusionProof,
  leafHash,
  newBucketKey,
  nodeCrypto,
  parseCheckpoint,
  parseEnvelope,
  payloadCommitment,
  proveWithTiles,
  toHex,
  utf8,
  verifierOf,
  verifyTlogProof,
  writeTlogProof,
} from '@loom/ledger';
import type { Signer } from '@loom/signer';
import { Metrics } from '@loom/telemetry';
import { systemProjectId, topics, type TraceEvent } from '@loom/trace-schema';
import { RetentionRuns } from './erase/retention.ts';
import { Publisher } from './publish/publisher.ts';
import { leafOfEnvelope } from './seal/commitments.ts';
import { KeyFiles } from './seal/key-files.ts';
import { LogAppender } from './seal/log-appender.ts';
import { recordOf, TestEmitter } from './testing/events.ts';
import { LedgerFixture, masterKeys, until } from './testing/ledger-fixture.ts';
import { proxyOf } from './testing/proxy-of.ts';

describe('startLedger', () => {
  let fixture: LedgerFixture;
  let engines: TestEngines;
  let store: ControlStore;
  let directory: string;
  let signer: Signer;
  let stream: EventStream;
  let projectId: string;

  beforeAll(async () => {
    fixture = await LedgerFixture.open();
    ({ engines, store, directory, signer } = fixture.opened);
  });
  afterAll(() => fixture.close());
  beforeEach(async () => {
    ({ stream, projectId } = await fixture.beginTest());
  });
  afterEach(() => fixture.endTest());

  const start = (config?: Parameters<LedgerFixture['startLedger']>[0]) => fixture.startLedger(config);
  const checkpointOf = (size: number) => fixture.checkpointOf(size);
  const send = async (...events: TraceEvent[]) => sendRecords(events.map(recordOf));
  const sendRecords = async (records: NewRecord[], topic: string = topics.traces) => {
    await (await stream.producer(topic)).append(records);
    await until(async () => (await stream.lag('ledger', [topic])) === 0);
  };
  const leaves = async () =>
    (await store.ledger.readLeaves(projectId, 0, 4096)).map(({ envelope }) => parseEnvelope(envelope));
  const kinds = async () => (await leaves()).map(({ kind }) => kind);

  it('seals a call: facts and commitments, no content and nothing of the person', async () => {
    await start();
    const emitter = new TestEmitter();
    const call = emitter.call(projectId, { userId: 'tom', request: 'the prompt', response: 'the answer' });
    await send(emitter.opened(), call.accepted, call.chunks, call.ended);
    const [accepted, ended, ...more] = await store.ledger.readLeaves(projectId, 0, 10);
    expect(more).toEqual([]);
    for (const leaf of [accepted, ended]) {
      for (const secret of ['tom', 'prompt', 'answer', 'session-1', 'search'])
        expect(leaf?.envelope).not.toContain(secret);
    }
    const envelope = parseEnvelope(ended?.envelope ?? '');
    expect(envelope).toMatchObject({
      ...{
        v: 1,
        project: projectId,
        id: `${call.callId}/end`,
        kind: 'call.completed',
        emitter: emitter.id,
        seq: 3,
      },
      ...{
        keyId: 'key-1',
        provider: 'openai',
        model: 'gpt-4o-mini-2024-07-18',
        status: 200,
        time: 1_772_600_400_123,
      },
      usage: { inputTokens: 100, cacheReadInputTokens: 40, outputTokens: 30, reasoningOutputTokens: 20 },
      bytes: { response: 10 },
    });
    const bucket = envelope.bucket ?? '';
    const sealed = (await store.ledger.readBucketKeys([bucket])).get(bucket)?.sealedKey ?? '';
    const key = openBucketKey(parseMasterKeys(masterKeys), bucket, sealed);
    const payload = createHash('sha256').update('the answer').digest();
    const salt = commitmentSalt(key, envelope.id, 'response');
    const commitment = toHex(payloadCommitment(nodeCrypto, { part: 'response', salt, payload }));
    expect(envelope.commits).toEqual({
      response: commitment,
      meta: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
    });
  });

  it('signs heads whose leaves prove themselves by tiles', async () => {
    await start();
    const emitter = new TestEmitter();
    for (let round = 0; round < 3; round += 1) {
      const calls = Array.from({ length: 150 }, () => emitter.call(projectId));
      await send(...calls.flatMap(({ accepted, chunks, ended }) => [accepted, chunks, ended]));
      await checkpointOf(300 * (round + 1));
    }
    const { note, size } = await checkpointOf(900);
    const keys = (await signer.keys()).map(verifierOf);
    const fetchTiles = (places: Parameters<ControlStore['ledger']['readTiles']>[1]) =>
      store.ledger.readTiles(projectId, places);
    for (const index of [0, 1, 255, 256, 511, 898, 899]) {
      const hashes = await proveWithTiles(nodeCrypto, size, fetchTiles, (range) =>
        inclusionProof(index, size, range),
      );
      const proof = writeTlogProof({ index, hashes, checkpoint: note, extra: null });
      const [leaf] = await store.ledger.readLeaves(projectId, index, index + 1);
      const expected = { entry: utf8(leaf?.envelope ?? ''), origin: `loom.test/ledger/${projectId}`, keys };
      const { checkpoint } = verifyTlogProof(nodeCrypto, proof, expected);
      expect(checkpoint.extensions).toEqual([expect.stringMatching(/^sealed \d{4}-/)]);
      expect(() => verifyTlogProof(nodeCrypto, proof, { ...expected, entry: utf8('{}') })).toThrow('not at');
    }
    expect(parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1)).size).toBe(900);
  });

  it('drops what it has, whoever brings it', async () => {
    await start();
    const emitter = new TestEmitter();
    const [one, two] = [emitter.call(projectId), emitter.call(projectId)];
    await send(one.accepted, one.chunks, one.ended);
    await send(one.chunks, one.ended, two.accepted, two.accepted, one.accepted);
    expect(await kinds()).toEqual(['call.accepted', 'call.completed', 'call.accepted']);
    expect(await store.ledger.countOpenCalls(projectId)).toEqual({ open: 1, orphaned: 0 });
  });

  it('tells of numbers that never came, and when they come after all', async () => {
    await start({ LOOM_LEDGER_GAP_AFTER: 0 });
    const emitter = new TestEmitter();
    const [one, two, three] = [emitter.call(projectId), emitter.call(projectId), emitter.call(projectId)];
    await send(one.accepted, three.ended);
    await until(async () => (await kinds()).includes('capture.gap'));
    await send(two.accepted, one.ended);
    expect((await leaves()).map(({ kind, seq, from, to }) => [kind, seq, from, to])).toEqual([
      ['call.accepted', 1, undefined, undefined],
      ['call.completed', 9, undefined, undefined],
      ['capture.gap', undefined, 2, 8],
      ['capture.gap.filled', undefined, 4, 4],
      ['call.accepted', 4, undefined, undefined],
      ['capture.gap.filled', undefined, 3, 3],
      ['call.completed', 3, undefined, undefined],
    ]);
    expect((await store.ledger.listGaps(projectId)).map(({ from, to }) => [from, to])).toEqual([
      [2, 2],
      [5, 8],
    ]);
  });

  it('tells of the last numbers of an emitter that is closed', async () => {
    await start({ LOOM_LEDGER_GAP_AFTER: 0 });
    const emitter = new TestEmitter();
    const { accepted } = emitter.call(projectId);
    await send(accepted, emitter.closed());
    const gap = await until(async () => (await leaves()).find(({ kind }) => kind === 'capture.gap'), 30_000);
    expect(gap).toMatchObject({ emitter: emitter.id, from: 2, to: 3 });
  });

  it('tells of a call that does not end, once, and seals its late end', async () => {
    await start({ LOOM_LEDGER_ORPHAN_AFTER: 0 });
    const emitter = new TestEmitter();
    const { callId, accepted, chunks, ended } = emitter.call(projectId);
    await send(accepted);
    const orphan = await until(async () => (await leaves()).find(({ kind }) => kind === 'capture.orphaned'));
    expect(orphan.callId).toBe(callId);
    expect(await store.ledger.countOpenCalls(projectId)).toEqual({ open: 1, orphaned: 1 });
    await send(chunks, ended);
    expect(await kinds()).toEqual(['call.accepted', 'capture.orphaned', 'call.completed']);
    expect(await store.ledger.countOpenCalls(projectId)).toEqual({ open: 0, orphaned: 0 });
  });

  it('seals that a record came which it cannot read, and what was set aside', async () => {
    await start();
    const emitter = new TestEmitter();
    const { accepted, chunks, ended } = emitter.call(projectId);
    const broken = { ...recordOf(accepted), value: Buffer.from('{"type":"call.acc') };
    await sendRecords([broken, recordOf(chunks), recordOf(ended)]);
    expect(await kinds()).toEqual(['record.unread', 'call.completed']);
    expect((await leaves())[0]).toMatchObject({ emitter: emitter.id, from: 1, to: 1, resource: accepted.id, action: 'call.accepted' }); // prettier-ignore
    expect(await store.ledger.listGaps(projectId)).toEqual([]);
    const letter = {
      ...{ id: 'loom.traces.v1/0/7/dead/ingest', type: 'dead-letter', group: 'ingest', topic: topics.traces },
      ...{
        partition: '0',
        offset: 7,
        reason: 'malformed',
        message: 'no JSON',
        headers: broken.headers,
        value: '',
      },
      time: '1772600400123456789',
    };
    const record = { key: 'k', headers: {}, value: Buffer.from(JSON.stringify(letter)) };
    await sendRecords([record, record], topics.deadLetters);
    const aside = (await leaves()).filter(({ kind }) => kind === 'record.set-aside');
    expect(aside).toMatchObject([
      { reason: 'malformed', actor: 'ingest', resource: accepted.id, from: 1, to: 1 },
    ]);
  });

  it('seals a record late that is replayed when it can be read: no gap, no open call, and once', async () => {
    await start();
    const emitter = new TestEmitter();
    const [one, two] = [emitter.call(projectId), emitter.call(projectId)];
    const broken = (event: TraceEvent) => ({ ...recordOf(event), value: Buffer.from('{') });
    await sendRecords([broken(one.accepted), recordOf(one.chunks), broken(one.ended), broken(two.accepted)]);
    expect(await kinds()).toEqual(['record.unread', 'record.unread', 'record.unread']);
    await send(one.accepted, one.ended);
    await send(two.chunks, two.ended);
    await send(two.accepted, one.accepted, one.ended, two.ended);
    expect((await kinds()).slice(3)).toEqual([
      'call.accepted',
      'call.completed',
      'call.completed',
      'call.accepted',
    ]);
    expect(await store.ledger.listGaps(projectId)).toEqual([]);
    expect(await store.ledger.countOpenCalls(projectId)).toEqual({ open: 0, orphaned: 0 });
  });

  it('takes the number of a price that it cannot read for none of a gateway', async () => {
    await start();
    const headers = {
      ce_loomproject: projectId,
      ce_loomseq: '7',
      ce_source: `/loom/emitters/${randomUUID()}`,
    };
    await sendRecords([{ key: 'k', headers, value: Buffer.from('{') }], topics.costs);
    expect(await store.ledger.listGaps(projectId)).toEqual([]);
    expect(await kinds()).toEqual([]);
  });

  it('tells of records that the disk has lost: in the log of the deployment, as a gap of their emitter, and once', async () => {
    await fixture.endTest();
    const home = await mkdtemp(join(directory, 'damaged-'));
    const writer = await PartitionWriter.create(home, topics.traces, randomUUID(), { segmentBytesMax: 1 });
    ({ stream, projectId } = await fixture.beginTest(new URL(`log:${home}`)));
    const emitter = new TestEmitter();
    const calls = [emitter.call(projectId), emitter.call(projectId), emitter.call(projectId)];
    for (const { accepted } of calls) await writer.append([recordOf(accepted)]);
    await writer.close();
    const path = join(writer.directory, `${'1'.padStart(20, '0')}.log`);
    await truncate(path, 40);
    const unreadable = async () => {
      const found = await store.ledger.listLeavesOfKinds({
        projectId: systemProjectId,
        kinds: ['record.unreadable'],
        limit: 10,
      });
      return found.map(({ envelope }) => parseEnvelope(envelope));
    };
    for (const round of ['first', 'again']) {
      await start({ LOOM_LEDGER_GAP_AFTER: 0 });
      await until(async () => (await stream.lag('ledger', [topics.traces])) === 0);
      await until(async () => (await kinds()).includes('capture.gap'));
      expect({ round, found: await unreadable() }).toMatchObject({
        found: [{ counts: { records: 1 }, resource: `${topics.traces}/${writer.partition}` }],
      });
      expect(await kinds()).toEqual(['call.accepted', 'call.accepted', 'capture.gap']);
      await fixture.stopLedger();
      await rm(join(home, '.groups'), { recursive: true, force: true });
    }
  });

  it('keeps the key of a sealed project under a name of nobody, and takes the commitment of its emitter', async () => {
    await start();
    const emitter = new TestEmitter();
    const keyId = randomUUID();
    const sealed = sealBucketKey(parseMasterKeys(masterKeys), keyId, newBucketKey());
    const created = emitter.stamp<TraceEvent>(projectId, {
      ...{ id: `key/${keyId}`, type: 'key.created', keyId, bucket: 'user/tom', sealed },
    } as never);
    const { accepted } = emitter.call(projectId, { userId: 'tom' });
    const request = { ...accepted.request, keyId, hash: 'c'.repeat(64) };
    await send(created, { ...accepted, request });
    const [leaf] = await leaves();
    expect(leaf).toMatchObject({ bucket: keyId, commits: { request: 'c'.repeat(64) }, seq: 2 });
    const [label = ''] = bucketLabels(parseMasterKeys(masterKeys), projectId, 'user/tom');
    expect(label).not.toContain('tom');
    expect(await store.ledger.listBucketKeys(projectId, { buckets: [label] })).toMatchObject([{ keyId }]);
  });

  it('runs retention by whole days, with a leaf for each run, and not while a project is on hold', async () => {
    const organizationId = randomUUID();
    await store.createOrganization({ id: organizationId, name: 'Acme' });
    const retention = { contentDays: 30, metadataDays: 90, hold: true };
    await store.createProject({
      ...{ id: projectId, organizationId, name: 'main', capture: 'strict', content: 'searchable', retention },
    });
    await start();
    const { accepted } = new TestEmitter().call(projectId);
    await send(accepted);
    await delay(300);
    expect(await kinds()).not.toContain('retention.run');
    await store.updateProject(
      { id: projectId, organizationId },
      { retention: { ...retention, hold: false } },
    );
    const run = await until(async () => (await leaves()).find(({ kind }) => kind === 'retention.run'));
    const today = Math.floor(Date.now() / 86_400_000);
    expect(run).toMatchObject({
      contentBefore: (today - 30) * 86_400_000,
      metadataBefore: (today - 90) * 86_400_000,
      counts: { payloads: 0, spans: 0 },
    });
    await delay(300);
    expect((await kinds()).filter((kind) => kind === 'retention.run')).toHaveLength(1);
  });

  it('journals a change that the disk had no room for before any that comes after it', async () => {
    const journaled: [from: number, leaves: number][] = [];
    let isFull = false;
    const journal = {
      write: ({
        expected,
        leaves,
      }: {
        readonly expected: { size: number };
        readonly leaves: readonly unknown[];
      }) => {
        if (isFull) return Promise.reject(new Error('ENOSPC'));
        journaled.push([expected.size, leaves.length]);
        return Promise.resolve();
      },
    };
    const appender = new LogAppender({ store: store.ledger, appender: randomUUID(), journal });
    const own = randomUUID();
    const entry = (n: number) => {
      const envelope = { v: 1, kind: 'heartbeat', id: `beat/${n}`, project: own, time: n } as const;
      return [{ place: null, leaf: leafOfEnvelope(envelope) }];
    };
    await appender.append(own, entry(1));
    isFull = true;
    await expect(appender.append(own, entry(2))).rejects.toThrow('ENOSPC');
    await expect(appender.append(own, entry(3))).rejects.toThrow('ENOSPC');
    isFull = false;
    await appender.append(own, entry(2)); // as the reader of the stream does after a failure
    await appender.append(own, entry(3));
    expect(journaled).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    expect((await store.ledger.readHead(own)).size).toBe(3);
  });

  it('takes keys of days that retention ends out of the files first, so that no crash leaves one in them', async () => {
    const organizationId = randomUUID();
    await store.createOrganization({ id: organizationId, name: 'Acme' });
    const retention = { contentDays: 30, metadataDays: null, hold: false };
    await store.createProject({
      ...{ id: projectId, organizationId, name: 'main', capture: 'strict', content: 'searchable', retention },
    });
    const keyFiles = await KeyFiles.open(await mkdtemp(join(directory, 'keys-')));
    const key = {
      keyId: randomUUID(),
      projectId,
      bucket: 'day/2020-01-01',
      sealedKey: 's',
      createdAtMs: 1,
      fromMs: 0,
    };
    await keyFiles.put(key);
    await store.ledger.keepBucketKey(key);
    const { logger, opened } = fixture;
    const appender = new LogAppender({ store: store.ledger, appender: randomUUID(), journal: null });
    const { ledger } = store;
    let isDying = true;
    const run = () =>
      new RetentionRuns({
        store: {
          listRetentions: () => ledger.listRetentions(),
          listBucketKeys: (...of) => ledger.listBucketKeys(...of),
          deleteBucketKeys: (ids) =>
            isDying ? Promise.reject(new Error('the process died')) : ledger.deleteBucketKeys(ids),
          rewriteBucketKeys: () => ledger.rewriteBucketKeys(),
          noteRetention: (ran) => ledger.noteRetention(ran),
        },
        ...{ traceStore: opened.traceStore, appender, keyFiles, logger, now: Date.now },
      }).round();
    await expect(run()).rejects.toThrow('the process died');
    expect(await keyFiles.has(key.keyId)).toBe(false);
    isDying = false;
    await run();
    expect(await store.ledger.readBucketKeys([key.keyId])).toEqual(new Map());
  });

  it('refuses to sign leaves that are not those of the head', async () => {
    await start();
    const emitter = new TestEmitter();
    const call = emitter.call(projectId);
    await send(call.accepted);
    await checkpointOf(1);
    const head = await store.ledger.readHead(projectId);
    const forged = { eventId: 'forged', kind: 'call.accepted', timeMs: 1, envelope: '{"forged":true}' };
    await store.ledger.append({
      ...{
        projectId,
        expected: head,
        head: { epoch: head.epoch + 1, edge: [randomBytes(32)], appender: 'x' },
      },
      ...{
        leaves: [forged],
        marks: new Map(),
        gaps: [],
        filledGaps: [],
        ends: [],
        openCalls: [],
        endedCalls: [],
      },
      ...{ orphanedCalls: [], nowMs: 1 },
    });
    await delay(500);
    expect((await store.ledger.readCheckpoint(projectId))?.size).toBe(1);
  });

  it('shows no head that is not in its file', async () => {
    await start({ LOOM_LEDGER_SEAL_INTERVAL: 600_000 });
    const { accepted } = new TestEmitter().call(projectId);
    await send(accepted);
    const files = { append: () => Promise.reject(new Error('ENOSPC: injected')) };
    const deps = { store: store.ledger, signer, logger: fixture.logger, metrics: new Metrics() };
    const publish = new Publisher({ ...deps, files }).publish(
      projectId,
      await store.ledger.readHead(projectId),
    );
    await expect(publish).rejects.toThrow('ENOSPC');
    expect(await store.ledger.readCheckpoint(projectId)).toBeNull();
  });

  it('signs no log that has become shorter than it was', async () => {
    await start({ LOOM_LEDGER_SEAL_INTERVAL: 600_000 });
    const emitter = new TestEmitter();
    const call = emitter.call(projectId);
    await send(call.accepted, call.chunks, call.ended);
    const { ledger } = store;
    const own = await ledger.readHead(projectId);
    const heads: { size: number; edge: readonly Uint8Array[] }[] = [own];
    const published: number[] = [];
    const publisher = new Publisher({
      store: Object.assign(proxyOf(ledger), {
        listHeads: () =>
          Promise.resolve(heads.map((head) => ({ ...own, ...head, projectId, appendedAtMs: 1 }))),
        readCheckpoint: () => Promise.resolve(null),
        publish: (_: string, { size }: { size: number }) => Promise.resolve(void published.push(size)),
      }),
      ...{ signer, files: null, logger: fixture.logger, metrics: new Metrics() },
    });
    expect(await publisher.publishAll()).toEqual([projectId]);
    const [first] = await ledger.readLeaves(projectId, 0, 1);
    heads[0] = { size: 1, edge: [leafHash(nodeCrypto, utf8(first?.envelope ?? ''))] };
    expect(await publisher.publishAll()).toEqual([]);
    expect(published).toEqual([2]);
  });

  it('gives a key its file also when the process that made it died before', async () => {
    const config = { LOOM_LEDGER_DIRECTORY: join(directory, 'keys-of'), LOOM_LEDGER_JOURNAL: true };
    const emitter = new TestEmitter();
    const sendCall = () => send(emitter.call(projectId, { userId: 'ada' }).accepted);
    await start(config);
    await sendCall();
    const keyId = (await leaves())[0]?.bucket ?? '';
    const file = join(config.LOOM_LEDGER_DIRECTORY, 'bucket-keys', keyId);
    const kept = await readFile(file, 'utf8');
    await fixture.stopLedger();
    await rm(file);
    await start(config);
    await sendCall();
    expect(await readFile(file, 'utf8')).toBe(kept);
  });

  it('journals at a start what a process has appended that died before it could write it down', async () => {
    const config = { LOOM_LEDGER_DIRECTORY: join(directory, 'unwritten'), LOOM_LEDGER_JOURNAL: true };
    const emitter = new TestEmitter();
    const sendCall = async () => {
      const { accepted, ended } = emitter.call(projectId);
      await send(accepted, ended);
    };
    await engines.kill();
    const copy = join(directory, 'before');
    await cp(engines.directory, copy, { recursive: true });
    await engines.restart();
    await start(config);
    await sendCall();
    await fixture.stopLedger();
    const [dying, { accepted, ended }] = [new TestEmitter(), emitter.call(projectId)];
    await start({ ...config, LOOM_LEDGER_JOURNAL: false });
    await send(accepted, dying.call(projectId).accepted, ended);
    await fixture.stopLedger();
    await start(config);
    await sendCall();
    await fixture.stopLedger();
    const whole = await store.ledger.readLeaves(projectId, 0, 4096);
    const query = { projectId, emitters: [emitter.id, dying.id], ids: [] };
    const progress = await store.ledger.readProgress(query);
    const open = await store.ledger.countOpenCalls(projectId);
    await engines.kill();
    await rm(engines.directory, { recursive: true });
    await cp(copy, engines.directory, { recursive: true });
    await engines.restart();
    await start({ ...config, LOOM_LEDGER_RECOVER: true });
    expect(await store.ledger.readLeaves(projectId, 0, 4096)).toEqual(whole);
    expect(whole).toHaveLength(7);
    expect(await store.ledger.readProgress(query)).toEqual(progress);
    expect(await store.ledger.countOpenCalls(projectId)).toEqual(open);
    expect(open).toEqual({ open: 1, orphaned: 0 });
  });

  it('does not start on a store that has forgotten, and brings it forward from the journal when told to', async () => {
    const config = { LOOM_LEDGER_DIRECTORY: join(directory, 'files'), LOOM_LEDGER_JOURNAL: true };
    const emitter = new TestEmitter();
    const calls = async (count: number) => {
      const made = Array.from({ length: count }, () => emitter.call(projectId, { userId: 'tom' }));
      await send(...made.flatMap(({ accepted, chunks, ended }) => [accepted, chunks, ended]));
    };
    await start(config);
    await calls(5);
    await checkpointOf(10);
    await fixture.stopLedger();
    await engines.kill();
    const copy = join(directory, 'copy');
    await cp(engines.directory, copy, { recursive: true });
    await engines.restart();
    await start(config);
    await calls(500);
    const { note } = await checkpointOf(1010);
    const whole = await store.ledger.readLeaves(projectId, 0, 4096);
    await fixture.stopLedger();
    // As a power cut leaves a store that does not sync, or somebody who puts back an old copy.
    await engines.kill();
    await rm(engines.directory, { recursive: true });
    await cp(copy, engines.directory, { recursive: true });
    await engines.restart();

    await expect(start(config)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(
        new RegExp(`${projectId} has 10 leaves of 1010.*LOOM_LEDGER_RECOVER`),
      ) as unknown,
    });
    await start({ ...config, LOOM_LEDGER_RECOVER: true });
    expect(await store.ledger.readLeaves(projectId, 0, 4096)).toEqual(whole);
    const { marks } = await store.ledger.readProgress({ projectId, emitters: [emitter.id], ids: [] });
    expect(marks.get(emitter.id)).toBe(1515);
    const bucket = parseEnvelope(whole[0]?.envelope ?? '').bucket ?? '';
    expect((await store.ledger.readBucketKeys([bucket])).size).toBe(1);
    const again = await checkpointOf(1010);
    expect(again.note.split('\n').slice(0, 3)).toEqual(note.split('\n').slice(0, 3));
    await calls(1); // and goes on
    await checkpointOf(1012);
  });
});
