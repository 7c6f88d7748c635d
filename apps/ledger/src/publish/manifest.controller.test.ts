import 'reflect-metadata';
import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeManifest } from '@loom/ledger';
import { type HttpApplication, startHttpApplication } from '@loom/service-kit';
import { newKeyText, openSigner, type Signer } from '@loom/signer';
import { createLogger, Metrics } from '@loom/telemetry';
import { Module } from '@nestjs/common';
import { MANIFEST_DESK, ManifestController } from './manifest.controller.ts';

const token = 'token-of-query';
const manifest = (origin: string) =>
  writeManifest({ origin, bytes: 7, hash: new Uint8Array(32), leaves: 3, payloads: 1 });

@Module({})
class TestModule {}

let signer: Signer;
let http: HttpApplication;
beforeAll(async () => {
  signer = await openSigner(new URL(`note-key:${newKeyText('loom.test')}`));
  http = await startHttpApplication({
    module: {
      module: TestModule,
      controllers: [ManifestController],
      providers: [{ provide: MANIFEST_DESK, useValue: { signer, token } }],
    },
    ...{ host: '127.0.0.1', port: 0, ready: () => Promise.resolve() },
    logger: createLogger({ service: 'ledger', level: 'silent' }),
    metrics: new Metrics({ processMetrics: false }),
  });
});
afterAll(async () => {
  await http.close();
  await signer.close();
});

const ask = (path: string, body: object | null, shown: string | null = `Bearer ${token}`) =>
  fetch(`${http.url}/internal/manifests/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { ...(shown !== null && { authorization: shown }), 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
const publicKeyOf = async () => {
  const { keys } = (await (await ask('keys', null)).json()) as {
    keys: { name: string; publicKey: string }[];
  };
  expect(keys).toEqual([{ name: 'loom.test', publicKey: expect.any(String) }]);
  return keys[0]?.publicKey ?? '';
};

describe('signing for query', () => {
  it('signs the manifest of a bundle of this deployment', async () => {
    const text = manifest('loom.test/ledger/p1');
    const publicKey = await publicKeyOf();
    const { signature } = (await (await ask('signatures', { text, publicKey })).json()) as {
      signature: string;
    };
    const der = Buffer.concat([
      Buffer.from('302a300506032b6570032100', 'hex'),
      Buffer.from(publicKey, 'base64'),
    ]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'))).toBe(true);
  });

  it.each([
    ['a checkpoint', 'loom.test/ledger/p1\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n'],
    ['a manifest of another deployment', manifest('other.test/ledger/p1')],
    ['a manifest with something after it', `${manifest('loom.test/ledger/p1')}loom.test/ledger/p1\n`],
    ['a checkpoint before a manifest', `loom.test/ledger/p1\n${manifest('loom.test/ledger/p1')}`],
    ['nothing', ''],
  ])('signs nothing else: %s', async (_, text) => {
    const response = await ask('signatures', { text, publicKey: await publicKeyOf() });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.not.stringContaining('signature"'),
    ]);
  });

  it.each([null, '', 'Bearer', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, token])(
    'answers nobody who does not show its token: %s',
    async (shown) => {
      const body = { text: manifest('loom.test/ledger/p1'), publicKey: 'x' };
      expect((await ask('keys', null, shown)).status).toBe(401);
      expect((await ask('signatures', body, shown)).status).toBe(401);
    },
  );
});
