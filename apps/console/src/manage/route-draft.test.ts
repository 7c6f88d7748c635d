import { describe, expect, it } from '@jest/globals';
import { NewModelAlias } from '@loom/api-contract';
import { addTarget, fromDraft, moveUp, sharesOf, toDraft, triesOf } from './route-draft.ts';

const route = {
  weight: 3,
  balance: [{ provider: 'azure', model: 'gpt-4o', weight: 1 }],
  fallbacks: [
    { provider: 'anthropic', model: 'claude-sonnet-4-5' },
    { provider: 'groq', model: 'llama' },
  ],
  retries: 2,
  fallbackOn: ['error' as const, 'content_policy' as const],
  timeouts: { connectMs: 1500, totalMs: 60_000 },
};
const alias = { id: 'a', projectId: 'p', alias: 'fast', provider: 'openai', model: 'gpt-4o', route };

describe('the draft of a route', () => {
  it('gives back what it was made of, as the service takes it', () => {
    const back = fromDraft(toDraft(alias));
    expect(back).toEqual({ provider: 'openai', model: 'gpt-4o', route });
    expect(NewModelAlias.parse({ alias: 'fast', ...back }).route).toEqual(route);
  });

  it('is no route while there is one target and nothing else', () => {
    expect(fromDraft(toDraft({ ...alias, route: null })).route).toBeNull();
    const draft = toDraft({ ...alias, route: { ...route, balance: [], fallbacks: [], retries: 0, timeouts: {} } }); // prettier-ignore
    expect(fromDraft(draft).route).toBeNull();
  });

  it('reads seconds, and leaves out what is empty', () => {
    const draft = { ...toDraft({ ...alias, route: null }), timeouts: { connectMs: ' ', firstChunkMs: '2.5', idleMs: '', totalMs: '' } }; // prettier-ignore
    expect(fromDraft(draft).route?.timeouts).toEqual({ firstChunkMs: 2500 });
  });

  it('keeps rows apart and in order', () => {
    const { fallbacks } = toDraft(alias);
    const three = addTarget(fallbacks, 'openai');
    expect(new Set(three.map(({ key }) => key)).size).toBe(3);
    expect(moveUp(three, 2).map(({ provider }) => provider)).toEqual(['anthropic', 'openai', 'groq']);
    expect(moveUp(three, 0)).toBe(three);
  });

  it('says shares and tries', () => {
    expect(sharesOf([3, 1])).toEqual([75, 25]);
    expect(triesOf(route)).toEqual([
      '2 retries',
      'falls back on content policy',
      'connect 1.5 s',
      'in all 60 s',
    ]);
    expect(triesOf({ ...route, retries: 1, fallbackOn: ['context_window'], timeouts: {} })).toEqual([
      '1 retry',
      'not on errors',
    ]);
  });
});
