import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ManifestSigner } from './manifest-signer.ts';

/** Answers as the ledger does; what it is asked to sign comes back as the signature. */
let server: Server;
let url: URL;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.headers.authorization !== 'Bearer token') return void response.writeHead(401).end('{}');
    if (request.url === '/internal/manifests/keys')
      return void response.end(JSON.stringify({ keys: [{ name: 'loom.test', publicKey: 'AAEC' }] }));
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      const { text, publicKey } = JSON.parse(body) as { text: string; publicKey: string };
      response.end(JSON.stringify({ signature: Buffer.from(`${publicKey} ${text}`).toString('base64') }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

describe('ManifestSigner', () => {
  it('has the keys of the ledger, and lets it sign', async () => {
    const [key] = await new ManifestSigner({ url, token: 'token' }).keys();
    expect([key?.name, key?.publicKey]).toEqual(['loom.test', Buffer.from([0, 1, 2])]);
    expect(Buffer.from((await key?.sign(Buffer.from('text\n'))) ?? []).toString()).toBe('AAEC text\n');
  });

  it('says where the ledger was looked for when it does not sign', async () => {
    for (const [at, token] of [
      [url, 'another token'],
      [new URL('http://127.0.0.1:1'), 'token'],
    ] as const)
      await expect(new ManifestSigner({ url: at, token }).keys()).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(`the ledger at ${at.host} signed no manifest`),
      });
  });
});
