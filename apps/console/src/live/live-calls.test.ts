import type { LiveEvent } from '@loom/api-contract';
import { describe, expect, it } from '@jest/globals';
import { callsMax, emptyLive, parseLiveFilter, takeEvent } from './live-calls.ts';

const time = '2026-11-22T10:00:00.000000Z';
const place = (id: string) => ({ time, traceId: `t${id}`, spanId: `s${id}`, callId: `c${id}` });
const facts = { operation: 'chat', provider: 'openai', requestModel: 'gpt-4o', streamed: true, keyId: 'k', userId: 'ana', sessionId: null }; // prettier-ignore
const accepted = (id: string): LiveEvent => ({ type: 'call.accepted', ...place(id), startTime: time, routedModel: 'gpt-4o', inputPreview: 'Where is my order', ...facts }); // prettier-ignore
const ended = (id: string, status = 200): LiveEvent => ({
  ...{
    type: 'call.ended',
    ...place(id),
    ...facts,
    outcome: 'completed',
    status,
    responseModel: null,
    durationMs: 900,
  },
  ...{ timeToFirstChunkMs: 200, usage: null, finishReasons: ['stop'], error: null },
});
const after = (...events: LiveEvent[]) => events.reduce(takeEvent, emptyLive);

describe('takeEvent', () => {
  it('follows a call from its start to its cost', () => {
    const [running] = after(accepted('1')).calls;
    expect(running).toMatchObject({ phase: 'running', model: 'gpt-4o', inputPreview: 'Where is my order' });
    const firstChunk: LiveEvent = { type: 'call.first-chunk', ...place('1'), status: 200, time: '2026-11-22T10:00:00.250000Z' }; // prettier-ignore
    expect(after(accepted('1'), firstChunk).calls[0]).toMatchObject({
      phase: 'streaming',
      timeToFirstChunkMs: 250,
    });
    const cost: LiveEvent = {
      type: 'cost.computed',
      ...place('1'),
      state: 'priced',
      reason: '',
      totalUsd: '0.01',
    };
    const { calls } = after(accepted('1'), firstChunk, ended('1'), cost);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ phase: 'ended', durationMs: 900, totalUsd: '0.01' });
  });

  it('keeps an end that was heard before the first chunk', () => {
    const late: LiveEvent = { type: 'call.first-chunk', ...place('1'), status: 200 };
    expect(after(accepted('1'), ended('1'), late).calls[0]).toMatchObject({
      phase: 'ended',
      durationMs: 900,
    });
  });

  it('shows a call whose start it missed, and no cost without a call', () => {
    expect(after(ended('9')).calls[0]).toMatchObject({ spanId: 's9', outcome: 'completed' });
    const cost: LiveEvent = {
      type: 'cost.computed',
      ...place('8'),
      state: 'priced',
      reason: '',
      totalUsd: '1',
    };
    expect(after(cost).calls).toEqual([]);
  });

  it('keeps the newest, first, and counts what was left out', () => {
    const many = Array.from({ length: callsMax + 5 }, (_, at) => accepted(String(at)));
    const { calls, dropped } = after(...many, { type: 'events.dropped', time, count: 3 });
    expect(calls).toHaveLength(callsMax);
    expect(calls[0]?.spanId).toBe(`s${callsMax + 4}`);
    expect(dropped).toBe(3);
  });
});

describe('parseLiveFilter', () => {
  const [good, bad] = after(ended('1', 500), ended('2'), accepted('2'), accepted('1')).calls;

  it.each([
    ['', true, true],
    ['model:gpt*', true, true],
    ['status:ok', true, false],
    ['-status:ok', false, true],
    ['status:500', false, true],
    ['order ana', true, true],
    ['user:bob', false, false],
  ])('%j', (text, first, second) => {
    const { matches, fault } = parseLiveFilter(text);
    expect(fault).toBeNull();
    expect([good && matches(good), bad && matches(bad)]).toEqual([first, second]);
  });

  it.each(['modle:x', 'constructor:x', '-cost:1'])('says what is wrong with %j', (text) => {
    expect(parseLiveFilter(text).fault).toMatch(/There is no live field “\w+”\. Known: model,/);
  });
});
