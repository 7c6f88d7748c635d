import { describe, expect, it } from '@jest/globals';
import type { LedgerReceipt, Span } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import { proofStateOf } from './proof-state.ts';

const start = Date.parse('2026-11-22T10:00:00Z');
const span = { timing: { startTime: new Date(start).toISOString(), durationMs: 2000 } } as Span;
const receipt = (...leaves: (readonly [kind: string, isProven: boolean])[]): LedgerReceipt =>
  ({ leaves: leaves.map(([kind, isProven]) => ({ kind, proof: isProven ? 'p' : null })) }) as LedgerReceipt;
const notFound = new LoomError('not_found', 'no leaf');
const [soon, late] = [start + 10_000, start + 62_001];

describe('proofStateOf', () => {
  it.each([
    ['sealed', receipt(['call.accepted', true], ['call.completed', true]), null, soon],
    ['pending', receipt(['call.accepted', true], ['call.completed', false]), null, soon],
    ['pending', receipt(['call.accepted', true]), null, soon],
    ['pending', undefined, notFound, soon],
    ['partly', receipt(['call.accepted', true]), null, late],
    ['partly', receipt(['call.accepted', true], ['call.completed', false]), null, late],
    ['absent', undefined, notFound, late],
    [null, undefined, null, late],
    [null, undefined, new LoomError('unavailable', 'down'), late],
  ] as const)('is %s', (state, found, error, now) => {
    expect(proofStateOf(span, found, error, now)).toBe(state);
  });
});
