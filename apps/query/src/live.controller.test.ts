import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectHeader } from '@loom/api-contract';
import { type EventStream, openEventStream } from '@loom/event-stream';
import {
  type HttpApplication,
  keyPrincipal,
  PermissionGuard,
  type SessionAccess,
  startHttpApplication,
  VERIFY_KEY,
  VERIFY_SESSION,
} from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { LiveController } from './live.controller.ts';
import { LiveTail } from './live-tail.ts';

const person = {
  sessionId: 's',
  userId: 'u',
  name: 'Ann',
  email: 'a@b.c',
  isOperator: false,
  expiresAtMs: 1,
};
const project = { organizationId: 'o', projectId: 'p', projectIds: ['p'], role: 'viewer' as const };
const running: SessionAccess = { person, project };
const key = keyPrincipal({ id: 'k', name: 'k', organizationId: 'o', projectId: 'p', scopes: ['read'] });

let access: (() => Promise<SessionAccess | null>) | null = null;
let isRevoked = false;
let stream: EventStream;
let http: HttpApplication;

beforeAll(async () => {
  stream = await openEventStream(new URL('memory:'));
  @Module({
    controllers: [LiveController],
    providers: [
      { provide: LiveTail, useFactory: () => new LiveTail(stream) },
      { provide: VERIFY_KEY, useValue: () => (isRevoked ? null : key) },
      { provide: VERIFY_SESSION, useValue: () => access?.() ?? Promise.resolve(running) },
      { provide: APP_GUARD, useClass: PermissionGuard },
    ],
  })
  class LiveModule {}
  http = await startHttpApplication({
    ...{ module: LiveModule, host: '127.0.0.1', port: 0 },
    logger: createLogger({ service: 'query', level: 'silent' }),
    metrics: new Metrics({ processMetrics: false }),
    ready: () => Promise.resolve(),
  });
});

afterAll(async () => {
  await http.close();
  await stream.close();
});

/** Reads until the server ends the stream; `change` is made when it has begun. */
async function readUntilEnd(headers: Record<string, string>, change: () => void): Promise<string> {
  const response = await fetch(`${http.url}/v1/live`, { headers });
  expect(response.status).toBe(200);
  change();
  return response.text();
}

describe('GET /v1/live', () => {
  const session = { cookie: 'loom_session=t', [projectHeader]: 'p' };

  it.each([
    ['the session is over', () => Promise.resolve(null)],
    ['the person has left the organization', () => Promise.resolve({ person, project: null })],
    ['nobody can say whether it runs', () => Promise.reject(new Error('no database'))],
  ])('ends when %s', async (_, after) => {
    access = null;
    const text = await readUntilEnd(session, () => (access = after));
    access = null;
    expect(text).toBe(': connected\n\nevent: access.ended\ndata: {}\n\n');
  });

  it('is checked once for all streams of a session', async () => {
    access = null;
    let looks = 0;
    const responses = await Promise.all(
      Array.from({ length: 5 }, () => fetch(`${http.url}/v1/live`, { headers: session })),
    );
    access = () => {
      looks += 1;
      return Promise.resolve(null);
    };
    for (const response of responses) expect(await response.text()).toContain('event: access.ended');
    access = null;
    expect(looks).toBe(1);
  });

  it('ends when the key is revoked', async () => {
    const text = await readUntilEnd({ authorization: 'Bearer k' }, () => (isRevoked = true));
    isRevoked = false;
    expect(text).toContain('event: access.ended');
  });
});
