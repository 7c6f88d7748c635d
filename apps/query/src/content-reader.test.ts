import 'reflect-metadata';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { keyPrincipal } from '@loom/service-kit';
import { openTraceStore, type TraceStore } from '@loom/trace-store';
import { QueryFixture } from './testing/query-fixture.ts';
import { recordCall } from './testing/record-call.ts';

const reader = keyPrincipal({
  ...{ id: 'k', name: 'k', projectId: 'p', organizationId: 'o' },
  scopes: ['read'],
});

describe('the content of a span', () => {
  let engines: TestEngines;
  let store: TraceStore;
  let query: QueryFixture;
  beforeAll(async () => {
    engines = await startTestEngines();
    store = await openTraceStore(new URL(engines.traceStoreUrl));
    const ledger = { readBucketKeys: () => Promise.resolve(new Map()) };
    query = await QueryFixture.start({ store, verifyKey: () => reader, ledger: ledger as never });
  });
  afterAll(async () => {
    await query.close();
    await store.close();
    await engines.stop();
  });

  const read = async (path: string) =>
    (await fetch(query.url + path, { headers: { authorization: 'Bearer x' } })).text();
  const call = { projectId: 'p', userId: 'ann', chunks: [] };

  it('keeps the digits of its numbers', async () => {
    const request = '{"seed":12345678901234567890,"temperature":1e400,"messages":[]}';
    const answer = '{"id":98765432109876543210,"choices":[]}';
    const chunks = [Buffer.from(answer)];
    const { spanId } = await recordCall(store, { ...call, request: Buffer.from(request), chunks });
    const text = await read(`/v1/spans/${spanId}`);
    expect(text).toContain(`"request":${request}`);
    expect(text).toContain(`"response":${answer}`);
  });

  it('leaves out a body over 4 MiB, and has it whole on request', async () => {
    const answer = `{"padding":"${'x'.repeat(5 * 1024 * 1024)}"}`;
    const chunks = [Buffer.from(answer)];
    const { spanId } = await recordCall(store, { ...call, request: Buffer.from('{}'), chunks });
    expect(await read(`/v1/spans/${spanId}`)).toContain('"response":null,"responseState":"omitted"');
    expect(await read(`/v1/spans/${spanId}?content=whole`)).toContain(`"response":${answer}`);
  });

  it('says so when it is unreadable, and the trace is read all the same', async () => {
    const damaged = {
      ...call,
      request: zstdCompressSync('{}'),
      requestCodec: 'zstd' as const,
      isDamaged: true,
    };
    const { traceId, spanId } = await recordCall(store, damaged);
    const { spans } = JSON.parse(await read(`/v1/traces/${traceId}`)) as { spans: unknown[] };
    expect(spans).toMatchObject([{ request: null, requestState: 'unreadable', responseState: 'absent' }]);
    expect(await read(`/v1/spans/${spanId}/raw?part=request`)).toContain('cannot be decompressed');
  });
});
