import { describe, expect, it } from '@jest/globals';
import type { ProviderRecord } from '@loom/trace-schema';
import { ControlSnapshot, type ControlSnapshotFile } from './control-snapshot.ts';
import { resolveModel } from './resolve-model.ts';

const provider = (name: string, models: string[], more: Partial<ProviderRecord> = {}): ProviderRecord => ({
  id: name,
  organizationId: null,
  name,
  kind: 'openai-compatible',
  baseUrl: 'http://127.0.0.1:1/v1',
  sealedCredential: null,
  origin: 'environment',
  enabled: true,
  models,
  ...more,
});

let version = 0;
function snapshotOf(...providers: ProviderRecord[]): ControlSnapshot {
  const snapshot = new ControlSnapshot();
  for (const value of providers) {
    snapshot.apply({
      id: value.id,
      type: 'control.changed',
      entity: 'provider',
      entityId: value.id,
      version: ++version,
      value,
    });
  }
  snapshot.apply({
    id: 'a',
    type: 'control.changed',
    entity: 'alias',
    entityId: 'a',
    version: ++version,
    value: { id: 'a', projectId: 'p1', alias: 'fast', provider: 'groq', model: 'llama-3' },
  });
  return snapshot;
}
const caller = { organizationId: 'o1', projectId: 'p1' };
const resolve = (snapshot: ControlSnapshot, model: string, who = caller) => {
  const target = resolveModel(snapshot, who, model);
  return `${target.provider.name} ${target.model}`;
};

describe('resolveModel', () => {
  const snapshot = snapshotOf(
    provider('openai', ['gpt-*', 'gpt-4o-special']),
    provider('groq', ['llama-*', 'gpt-4o*']),
    provider('rest', ['*']),
    provider('off', ['off-*'], { enabled: false }),
    provider('private', ['secret-*'], { organizationId: 'o2' }),
  );

  it.each([
    ['fast', 'groq llama-3'],
    ['openai/gpt-4o', 'openai gpt-4o'],
    ['groq/openai/gpt-oss-120b', 'groq openai/gpt-oss-120b'],
    ['meta/llama', 'rest meta/llama'],
    ['gpt-4o-special', 'openai gpt-4o-special'],
    ['gpt-4o-mini', 'groq gpt-4o-mini'],
    ['gpt-5', 'openai gpt-5'],
    ['anything', 'rest anything'],
    ['private/x', 'rest private/x'],
  ])('leads %s to %s', (model, target) => {
    expect(resolve(snapshot, model)).toBe(target);
  });

  it("uses an alias in its own project only, an organization's provider in its own organization only", () => {
    expect(resolve(snapshot, 'fast', { organizationId: 'o1', projectId: 'p2' })).toBe('rest fast');
    expect(resolve(snapshot, 'private/x', { organizationId: 'o2', projectId: 'p9' })).toBe('private x');
  });

  it('gives bare names to the only provider, and says what there is when nothing matches', () => {
    expect(resolve(snapshotOf(provider('solo', [])), 'whatever')).toBe('solo whatever');
    const two = snapshotOf(provider('a', []), provider('b', []));
    expect(() => resolve(two, 'whatever')).toThrow(/"whatever" does not exist here.*a, b/);
    expect(() => resolve(snapshot, 'off/x')).toThrow(/disabled/);
  });
});

describe('ControlSnapshot', () => {
  it('keeps the highest version of an entity whatever the order, and survives a round trip through its file', () => {
    const snapshot = new ControlSnapshot();
    const change = (at: number, enabled: boolean | null) => ({
      id: `${at}`,
      type: 'control.changed' as const,
      entity: 'provider' as const,
      entityId: 'x',
      version: at,
      value: enabled === null ? null : provider('x', [], { enabled }),
    });
    expect(snapshot.apply(change(3, false))).toBe(true);
    expect(snapshot.apply(change(2, true))).toBe(false);
    const copy = ControlSnapshot.fromFile(
      JSON.parse(JSON.stringify(snapshot.toFile())) as ControlSnapshotFile,
    );
    expect(copy.providers('o1')[0]?.enabled).toBe(false);
    expect(copy.complete).toBe(true);
    expect(snapshot.complete).toBe(false);
    snapshot.apply(change(4, null));
    expect(snapshot.providers('o1')).toEqual([]);
  });
});
