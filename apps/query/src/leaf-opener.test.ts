import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ControlStore, openControlStore } from '@loom/control-store';
import { parseMasterKeys, sealBucketKey } from '@loom/control-store/secrets';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { newBucketKey, sealPayload, withWholeHash, writeEnvelope } from '@loom/ledger';
import { assembleAnswer } from '@loom/providers';
import { newSpanId, newUuid } from '@loom/trace-schema';
import { openTraceStore, type TraceStore } from '@loom/trace-store';
import { BucketKeyReader } from './bucket-key-reader.ts';
import { ContentReader } from './content-reader.ts';
import { LeafOpener } from './leaf-opener.ts';

const masterKeys = parseMasterKeys(`k1:${randomBytes(32).toString('base64')}`);
const commitment = 'c'.repeat(64);

describe('LeafOpener', () => {
  let engines: TestEngines;
  let store: TraceStore;
  let controlStore: ControlStore;
  beforeAll(async () => {
    engines = await startTestEngines();
    store = await openTraceStore(new URL(engines.traceStoreUrl));
    controlStore = await openControlStore(new URL(engines.controlStoreUrl), {
      sessionSecret: 'x'.repeat(32),
    });
  });
  afterAll(async () => {
    await controlStore.close();
    await store.close();
    await engines.stop();
  });

  /** What is given of the answer of a sealed call, of which `length` bytes came and `kept` are stored. */
  const openSealed = async (kept: string, length: number, wholeHash?: Buffer) => {
    const [projectId, callId, spanId] = [newUuid(), newUuid(), newSpanId()];
    const keyId = newUuid();
    const key = newBucketKey();
    const sealedKey = sealBucketKey(masterKeys, keyId, key);
    await controlStore.ledger.keepBucketKey({ projectId, bucket: 'day/2026-01-01', keyId, sealedKey, createdAtMs: 1, fromMs: 0 }); // prettier-ignore
    const bytes = Buffer.from(kept);
    const content = wholeHash ? withWholeHash(bytes, wholeHash) : bytes;
    const data = sealPayload(key, content, { projectId, callId, part: 'response' }).toString('base64');
    await store.writeBatch({
      ...{ token: newUuid(), spans: [], accepted: [], texts: [], costs: [], captureEvents: [] },
      payloads: [
        {
          ...{ projectId, spanId, part: 'response', time: '1000000', index: -1, parts: 0, data },
          ...{ codec: 'identity', keyId, length, hash: commitment, storedLength: bytes.length },
        },
      ],
    });
    const leaf = { eventId: `${callId}/end`, kind: 'call.completed', timeMs: 1 };
    const envelope = writeEnvelope({
      ...{ v: 1, project: projectId, id: leaf.eventId, kind: leaf.kind, time: 1, callId, spanId },
      ...{ bucket: keyId, commits: { response: commitment } },
    });
    const bucketKeys = new BucketKeyReader(controlStore.ledger, masterKeys);
    const contents = new ContentReader({ store, bucketKeys, assembleAnswer });
    const opener = new LeafOpener({ ledger: controlStore.ledger, store, content: contents, bucketKeys });
    return opener.open(projectId, [{ ...leaf, index: 0, envelope }], { retainedSinceMs: 0 });
  };

  it('opens changes of control from before what retention has taken', async () => {
    const id = newUuid();
    await controlStore.createOrganization({ id, name: 'Acme' });
    const all = await controlStore.ledger.listUnsealedChanges(1000);
    const change = all.find(({ resourceId }) => resourceId === id);
    const keyId = newUuid();
    const sealedKey = sealBucketKey(masterKeys, keyId, newBucketKey());
    await controlStore.ledger.keepBucketKey({ projectId: id, bucket: 'control', keyId, sealedKey, createdAtMs: 1, fromMs: 0 }); // prettier-ignore
    const leaf = { index: 0, eventId: `control/${change?.id}`, kind: 'control.changed', timeMs: 1 };
    const envelope = writeEnvelope({
      ...{ v: 1, project: id, id: leaf.eventId, kind: leaf.kind, time: 1 },
      ...{ bucket: keyId, commits: { record: commitment } },
    });
    const bucketKeys = new BucketKeyReader(controlStore.ledger, masterKeys);
    const content = new ContentReader({ store, bucketKeys, assembleAnswer });
    const opener = new LeafOpener({ ledger: controlStore.ledger, store, content, bucketKeys });
    expect(await opener.open(id, [{ ...leaf, envelope }], { retainedSinceMs: 1000 })).toMatchObject([
      { part: 'record' },
    ]);
  });

  it('opens what was sealed by the hash of its plain bytes', async () => {
    const hash = createHash('sha256').update('the answer').digest();
    expect(await openSealed('the answer', 10)).toMatchObject([{ part: 'response', length: 10, hash }]);
  });

  it('opens a sealed part whose end was not kept by the hash of it all, which was sealed with the beginning', async () => {
    const hash = createHash('sha256').update('the answer and its end').digest();
    const storedHash = createHash('sha256').update('the answer').digest();
    expect(await openSealed('the answer', 900, hash)).toMatchObject([
      { part: 'response', length: 900, hash, storedLength: 10, storedHash, bytes: Buffer.from('the answer') },
    ]);
  });
});
