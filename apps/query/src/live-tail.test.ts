import { describe, expect, it } from '@jest/globals';
import type { LiveEvent } from '@loom/api-contract';
import { openEventStream } from '@loom/event-stream';
import { type CostComputed, newSpanId, newTraceId, newUuid, topics } from '@loom/trace-schema';
import {
  liveReadersMax,
  liveReadersOfActorMax,
  liveReadersOfOrganizationMax,
  LiveTail,
} from './live-tail.ts';

const owner = { projectId: 'p1', organizationId: 'o', actorId: 'a' };

function costOf(projectId: string): CostComputed {
  const ids = { callId: newUuid(), traceId: newTraceId(), spanId: newSpanId(), emitter: newUuid() };
  const names = {
    operation: 'chat',
    provider: 'p',
    requestModel: 'm',
    responseModel: 'm',
    keyId: 'k',
    userId: '',
  };
  return {
    ...{ ...ids, ...names, projectId },
    id: ids.callId,
    type: 'cost.computed',
    seq: 1,
    time: '1790000000000000000',
    organizationId: 'o',
    startTime: '1790000000000000000',
    state: 'priced',
    reason: '',
    totalUsd: '1',
    lines: [],
    priceBookVersion: 'v',
    priceId: 'p/m',
    tier: 'default',
    estimated: false,
  };
}

async function open() {
  const stream = await openEventStream(new URL('memory:'));
  const producer = await stream.producer(topics.costs);
  const append = (...values: (object | string)[]) =>
    producer.append(
      values.map((value) => ({
        key: 'k',
        headers: {},
        value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
      })),
    );
  return { tail: new LiveTail(stream), append };
}

describe('LiveTail', () => {
  it('gives a reader the events of its project, and passes over what it cannot read', async () => {
    const { tail, append } = await open();
    const events: LiveEvent[] = [];
    await tail.open(owner, { write: (event) => events.push(event) > 0 });
    await append('{', costOf('p2'), costOf('p1'), { type: 'cost.computed' });
    expect(events).toEqual([expect.objectContaining({ type: 'cost.computed', totalUsd: '1' })]);
  });

  it('queues for a slow reader, then drops and says how many, in order', async () => {
    const { tail, append } = await open();
    const events: LiveEvent[] = [];
    const reader = await tail.open(owner, { write: (event) => events.push(event) > 1 });
    await append(...Array.from({ length: 700 }, () => costOf('p1')));
    expect(events).toHaveLength(1);
    reader.drained();
    expect(events).toHaveLength(502);
    expect(events.at(-1)).toMatchObject({ type: 'events.dropped', count: 199 });
    await append(costOf('p1'));
    expect(events.at(-1)).toMatchObject({ type: 'cost.computed' });
  });

  it.each([
    ['this person or key', liveReadersOfActorMax, () => owner],
    ['this organization', liveReadersOfOrganizationMax, (n: number) => ({ ...owner, actorId: `a${n}` })],
    [
      'the deployment',
      liveReadersMax,
      (n: number) => ({ ...owner, actorId: `a${n}`, organizationId: `o${n}` }),
    ],
  ])('refuses more readers of %s than it may have, until one leaves', async (who, max, ownerOf) => {
    const { tail } = await open();
    const sink = { write: () => true };
    const readers = [];
    for (let n = 0; n < max; n += 1) readers.push(await tail.open(ownerOf(n), sink));
    await expect(tail.open(ownerOf(max), sink)).rejects.toMatchObject({
      ...{ code: 'overloaded', retryAfterMs: 5000 },
      message: expect.stringContaining(`${max} live readers of ${who} are connected`),
    });
    readers[0]?.close();
    await expect(tail.open(ownerOf(max), sink)).resolves.toBeDefined();
  });
});
