import { describe, expect, it } from '@jest/globals';
import { CostComputed } from './cost-events.ts';
import { type CallAccepted, TraceEvent } from './call-events.ts';
import { ControlEvent } from './control-events.ts';
import { eventReader } from './event-reader.ts';
import { sampleEvents } from './testing/sample-events.ts';

const { 'call.accepted': accepted, 'call.refused': refused } = sampleEvents;
const { call } = refused;

/** Paths of what an accepted call says besides its stamp, its ids and its payload. */
function factsOf(event: CallAccepted): string[][] {
  const ids = new Set(['organizationId', 'keyId', 'callId', 'traceId', 'spanId']);
  const identity = Object.keys(event.call).filter((name) => !ids.has(name));
  return [
    ...identity.map((name) => ['call', name]),
    ...Object.keys(event.facts).map((name) => ['facts', name]),
    ['facts', 'parameters', 'temperature'],
    ['call', 'metadata', 'team'],
    ['call', 'rollout', 'arm'],
  ];
}

function withValue(target: object, [name = '', ...rest]: string[], value: unknown): object {
  const member = (target as Record<string, unknown>)[name];
  return { ...target, [name]: rest.length === 0 ? value : withValue(member as object, rest, value) };
}

/** The same value as a later version might say it: a member more in every object but those with free names. */
function grown(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((element) => grown(element));
  if (typeof value !== 'object' || value === null || name === 'metadata') return value;
  const members = Object.entries(value).map(([member, content]) => [member, grown(content, member)]);
  return { ...Object.fromEntries(members), addedLater: { any: ['thing'] } };
}

describe('eventReader', () => {
  const read = eventReader(TraceEvent);

  it('leaves out members that a later version has added, at any depth', () => {
    expect(TraceEvent.safeParse(grown(refused)).success).toBe(false);
    expect(read(grown(refused))).toEqual({ outcome: 'known', event: refused, lost: [] });
  });

  it('tells an event type that a later version has added from a fault', () => {
    const evaluated = { ...refused, type: 'call.evaluated', score: 1 };
    expect(read(evaluated)).toEqual({ outcome: 'unknown', type: 'call.evaluated' });
  });

  it('refuses an event without its stamp or its ids', () => {
    expect(read({ ...refused, call: { ...call, traceId: 'short' } })).toMatchObject({ outcome: 'invalid' });
    expect(read({ ...refused, call: null })).toMatchObject({ outcome: 'invalid' });
    expect(read({ ...refused, seq: 0 })).toMatchObject({ outcome: 'invalid' });
    expect(read({ ...refused, type: undefined })).toMatchObject({ outcome: 'invalid' });
    expect(read('text')).toMatchObject({ outcome: 'invalid' });
  });

  it('loses the facts that break the schema, says which, and keeps the rest', () => {
    const broken = {
      ...refused,
      ...{ status: 'teapot', error: { ...refused.error, code: 7 } },
      call: { ...call, userId: 5, metadata: { team: 'search', size: 3 }, links: [{ traceId: 'x' }] },
    };
    expect(read(broken)).toEqual({
      outcome: 'known',
      event: {
        ...refused,
        ...{ status: 0 },
        call: { ...call, userId: null, metadata: { team: 'search' }, links: [] },
      },
      lost: expect.arrayContaining(['status', 'error.code', 'call.userId', 'call.metadata.size']),
    });
  });

  it('loses usage and chunks as a whole when one figure of them is unreadable', () => {
    const ended = sampleEvents['call.completed'];
    const broken = {
      ...ended,
      usage: { ...ended.usage, inputTokens: -1 },
      chunks: { atMicros: 'soon', lengths: [1] },
      error: { type: 7, message: 'kept', code: null },
    };
    expect(read(broken)).toMatchObject({
      outcome: 'known',
      event: { usage: null, chunks: null, error: { type: '', message: 'kept' } },
    });
  });

  it('loses any one fact of an accepted call, whatever it becomes, and never the call', () => {
    for (const path of factsOf(accepted)) {
      for (const value of [null, Infinity, -1, 1.5, 'x', [], {}, true, undefined]) {
        const outcome = read(JSON.parse(JSON.stringify(withValue(accepted, path, value))));
        expect(outcome).toMatchObject({ outcome: 'known', event: { call: { callId: call.callId } } });
      }
    }
  });

  it('reads grown events of the other topics', () => {
    const alias = { id: 'a', projectId: 'p1', alias: 'fast', provider: 'openai', model: 'm' };
    const changed = { id: 'c1', type: 'control.changed', entity: 'alias', entityId: 'a', version: 1 };
    const event = { ...changed, value: alias };
    expect(eventReader(ControlEvent)(grown(event))).toEqual({ outcome: 'known', event, lost: [] });
    expect(eventReader(CostComputed)({ type: 'cost.revised' })).toMatchObject({ outcome: 'unknown' });
  });
});
