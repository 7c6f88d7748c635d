import 'reflect-metadata';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ReadScope, readScope, type TraceStore } from '@loom/trace-store';
import { keyPrincipal } from '@loom/service-kit';
import { QueryFixture } from './testing/query-fixture.ts';

const principal = keyPrincipal({
  ...{ id: 'k', name: 'k', projectId: 'p', organizationId: 'o' },
  scopes: ['read'],
});

/** A store whose reads end with their scope. */
const scopes: ReadScope[] = [];
const endless = (): Promise<never> =>
  new Promise((_, reject) => {
    const scope = readScope();
    if (!scope) throw new Error('a read without a scope');
    scopes.push(scope);
    scope.signal.addEventListener('abort', () => reject(scope.signal.reason as Error));
  });

describe('a read', () => {
  let query: QueryFixture;
  beforeAll(async () => {
    const store = new Proxy({} as TraceStore, { get: () => endless });
    query = await QueryFixture.start({ store, verifyKey: () => principal });
  });
  afterAll(async () => {
    await query.close();
  });

  it.each([
    '/v1/traces?from=2026-01-01T00:00:00Z',
    '/v1/metrics/summary',
    '/v1/facets',
    '/v1/traces/0123456789abcdef0123456789abcdef',
    '/v1/users',
  ])('belongs to the organization of its caller and ends when the caller leaves: %s', async (path) => {
    scopes.length = 0;
    const caller = new AbortController();
    const answer = fetch(query.url + path, {
      headers: { authorization: 'Bearer x' },
      signal: caller.signal,
    }).catch(() => null);
    while (scopes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const [scope] = scopes as [ReadScope];
    expect(scope.owner).toBe('o');
    expect(scope.signal.aborted).toBe(false);
    const ended = once(scope.signal, 'abort');
    caller.abort();
    await ended;
    await answer;
  });
});
