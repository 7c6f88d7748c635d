import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openTraceStore } from './index.ts';

const silent = createServer(() => {});

beforeAll(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
});
afterAll(() => void silent.close());

it('is named as a store that does not answer, long before anybody gives up waiting for it', async () => {
  const { port } = silent.address() as AddressInfo;
  await expect(openTraceStore(new URL(`http://loom:s3cret@127.0.0.1:${port}/loom`))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/did not answer within/),
  });
}, 20_000);
