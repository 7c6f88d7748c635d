import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newKeyText, openSigner, parseKeyText, type SigningKey } from './index.ts';

const message = Buffer.from('loom.test/ledger/p1\n0\n');
const holds = async ({ publicKey, sign: signWith }: SigningKey): Promise<boolean> => {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  return verify(
    null,
    message,
    createPublicKey({ key: der, format: 'der', type: 'spki' }),
    await signWith(message),
  );
};

describe('parseKeyText', () => {
  it('reads what Go wrote', () => {
    // From the example of golang.org/x/mod/sumdb/note.
    const text = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
    const key = parseKeyText(text);
    expect(key.name).toBe('PeterNeumann');
    expect(Buffer.concat([Buffer.of(1), key.publicKey]).toString('base64')).toBe(
      'ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    );
  });

  it.each([
    ['nothing', ''],
    ['a verifier key', 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['a wrong id', 'PRIVATE+KEY+PeterNeumann+c74f20a4+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'],
    ['a short key', 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyN'],
  ])('refuses %s, without saying it', (_what, text) => {
    expect(() => parseKeyText(text)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    expect(() => parseKeyText(text)).not.toThrow('AYEKFALVFGyN');
  });
});

describe('a signer of a file', () => {
  let directory: string;
  beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'loom-signer-'))));
  afterAll(() => rm(directory, { recursive: true }));
  const open = async (name: string, text: string, mode = 0o600) => {
    const path = join(directory, name);
    await writeFile(path, text, { mode });
    await chmod(path, mode);
    return openSigner(pathToFileURL(path));
  };

  it('signs with all keys in use, the newest first, and follows the file', async () => {
    const [one, two, three] = [newKeyText('loom.test'), newKeyText('loom.test'), newKeyText('loom.test')];
    const signer = await open(
      'keys',
      `# keys\n${two}\n${one} until 2999-01-01T00:00:00Z\n\n${three} until 2001-01-01\n`,
    );
    const keys = await signer.keys();
    expect(keys.map(({ publicKey }) => publicKey)).toEqual(
      [two, one].map((text) => parseKeyText(text).publicKey),
    );
    for (const key of keys) expect(await holds(key)).toBe(true);
    await writeFile(join(directory, 'keys'), `${three}\n`);
    expect((await signer.keys())[0]?.publicKey).toEqual(parseKeyText(three).publicKey);
  });

  it.each([
    ['no key', '# none\n', 'no key in use'],
    ['ended keys only', `${newKeyText('a')} until 2001-01-01T00:00:00Z`, 'no key in use'],
    ['another word', `${newKeyText('a')} till 2999-01-01`, 'is not "<key> [until <ISO time>]"'],
    ['no time', `${newKeyText('a')} until soon`, 'is not "<key> [until <ISO time>]"'],
    ['two names', `${newKeyText('a')}\n${newKeyText('b')}`, 'different names'],
    ['many keys', `${newKeyText('a')}\n`.repeat(9), 'more than 8 keys'],
  ])('refuses a file with %s', async (_what, text, message) => {
    await expect(open('bad', text)).rejects.toThrow(message);
  });

  it('refuses a file that others can read, and one that is not there', async () => {
    await expect(open('open', newKeyText('a'), 0o644)).rejects.toThrow('make it 0600');
    await expect(openSigner(pathToFileURL(join(directory, 'none')))).rejects.toThrow('ENOENT');
    await expect(openSigner(new URL('pkcs11:token'))).rejects.toThrow(
      'known: file: note-key: vault+http: vault+https:',
    );
  });
});

describe('a signer of the URL itself', () => {
  it('signs with each key, the newest first', async () => {
    const [one, two] = [newKeyText('loom.test'), newKeyText('loom.test')];
    const keys = await (await openSigner(new URL(`note-key:${two},${one}`))).keys();
    expect(keys.map(({ publicKey }) => publicKey)).toEqual(
      [two, one].map((text) => parseKeyText(text).publicKey),
    );
    for (const key of keys) expect(await holds(key)).toBe(true);
  });

  it('refuses what is no key, and two names', async () => {
    await expect(openSigner(new URL('note-key:abc'))).rejects.toMatchObject({ code: 'config_invalid' });
    const twoNames = new URL(`note-key:${newKeyText('a')},${newKeyText('b')}`);
    await expect(openSigner(twoNames)).rejects.toThrow('different names');
  });
});

describe('a signer of Vault', () => {
  const versions = [1, 2].map(() => generateKeyPairSync('ed25519'));
  const state = { type: 'ed25519', oldest: 1, status: 200 };
  const server = createServer((request, response) => {
    void answer(request).then(([status, data]) => response.writeHead(status).end(JSON.stringify({ data })));
  });
  // The transit engine's own words: https://developer.hashicorp.com/vault/api-docs/secret/transit
  async function answer(request: IncomingMessage): Promise<[number, object]> {
    if (request.headers['x-vault-token'] !== 'hvs.test') return [403, {}];
    if (state.status !== 200) return [state.status, {}];
    const spki = (key: (typeof versions)[number]) => key.publicKey.export({ format: 'der', type: 'spki' });
    const keys = versions.map((key, at): [number, object] => [
      at + 1,
      { public_key: spki(key).subarray(12).toString('base64') },
    ]);
    if (request.method === 'GET' && request.url === '/v1/transit/keys/loom')
      return [200, { ...{ type: state.type, keys: Object.fromEntries(keys) as object }, latest_version: 2, min_decryption_version: state.oldest }]; // prettier-ignore
    if (request.method !== 'POST' || request.url !== '/v1/transit/sign/loom') return [404, {}];
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as {
      input: string;
      key_version: number;
    };
    const key = versions[body.key_version - 1]?.privateKey;
    if (!key) return [400, {}];
    const signature = sign(null, Buffer.from(body.input, 'base64'), key).toString('base64');
    return [200, { signature: `vault:v${body.key_version}:${signature}` }];
  }
  let base: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());
  const url = (token: string, path = 'transit/loom?name=loom.test') =>
    new URL(`vault+http://${token}@${base}/${path}`);

  it('signs with the newest version and the one before, until that is retired', async () => {
    const signer = await openSigner(url('hvs.test'));
    const keys = await signer.keys();
    expect(keys.map(({ name }) => name)).toEqual(['loom.test', 'loom.test']);
    for (const key of keys) expect(await holds(key)).toBe(true);
    state.oldest = 2;
    expect(await signer.keys()).toHaveLength(1);
    state.status = 503;
    await expect(signer.keys()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('503'),
    });
    state.status = 200;
  });

  it('refuses another kind of key, another token, a wrong address', async () => {
    await expect(openSigner(url('hvs.other'))).rejects.toThrow('status 403');
    await expect(openSigner(url('hvs.test', 'transit/loom'))).rejects.toThrow('expected vault+https');
    state.type = 'aes256-gcm96';
    await expect(openSigner(url('hvs.test'))).rejects.toThrow('not ed25519');
    state.type = 'ed25519';
  });
});
