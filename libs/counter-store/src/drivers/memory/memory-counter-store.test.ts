import { expect, it } from '@jest/globals';
import { openCounterStore } from '../../open.ts';
import { counterStoreSuite } from '../../testing/counter-store-suite.ts';

counterStoreSuite('memory', { open: () => openCounterStore(new URL('memory:')), isShared: false });

it.each(['memory:shared', 'memory://host', 'mongodb://host'])('refuses %s', async (url) => {
  await expect(openCounterStore(new URL(url))).rejects.toMatchObject({ code: 'config_invalid' });
});
