import { LoomError, messageOf } from '@loom/errors';
import type { Signer, SigningKey } from '../../signer.ts';

/*
 * HashiCorp Vault's transit engine (and OpenBao's): `vault+https://<token>@host:8200/<mount>/<key>?name=<deployment>`.
 *
 *   GET  /v1/<mount>/keys/<key>    { data: { type: "ed25519", latest_version, min_decryption_version, keys: { "<version>": { public_key } } } }
 *   POST /v1/<mount>/sign/<key>    { input: base64, key_version }  →  { data: { signature: "vault:v<version>:<base64>" } }
 */
const answerMs = 10_000;
const answerBytesMax = 1024 * 1024;

interface TransitKey {
  readonly type: string;
  readonly latest_version: number;
  readonly min_decryption_version: number;
  readonly keys: Readonly<Record<string, { readonly public_key: string }>>;
}

/** The newest version signs, and so does the one before while the key's `min_decryption_version` admits it. */
export async function openVaultSigner(url: URL): Promise<Signer> {
  const name = url.searchParams.get('name') ?? '';
  const [mount, key, ...rest] = url.pathname.split('/').filter(Boolean);
  if (name === '' || mount === undefined || key === undefined || rest.length > 0)
    throw new LoomError(
      'config_invalid',
      'signer: expected vault+https://<token>@host:8200/<mount>/<key>?name=<name>',
    );
  const vault = new Vault(url);
  const keys = async () => signingKeys(vault, { name, mount, key });
  await keys();
  return { keys, close: () => Promise.resolve() };
}

async function signingKeys(
  vault: Vault,
  { name, mount, key }: { readonly name: string; readonly mount: string; readonly key: string },
): Promise<SigningKey[]> {
  const found = await vault.ask<TransitKey>('GET', `${mount}/keys/${key}`);
  if (found.type !== 'ed25519')
    throw new LoomError('config_invalid', `signer: the key ${key} is of type ${found.type}, not ed25519`);
  const oldest = Math.max(found.latest_version - 1, found.min_decryption_version, 1);
  const versions = [found.latest_version, oldest].filter((version, at, all) => all.indexOf(version) === at);
  return versions.map((version) => ({
    name,
    publicKey: Buffer.from(found.keys[String(version)]?.public_key ?? '', 'base64'),
    sign: async (message) => {
      const body = { input: Buffer.from(message).toString('base64'), key_version: version };
      const { signature } = await vault.ask<{ signature: string }>('POST', `${mount}/sign/${key}`, body);
      return Buffer.from(signature.split(':')[2] ?? '', 'base64');
    },
  }));
}

class Vault {
  readonly #base: string;
  readonly #token: string;

  constructor(url: URL) {
    this.#base = `${url.protocol.replace('vault+', '')}//${url.host}/v1/`;
    this.#token = decodeURIComponent(url.username);
  }

  async ask<Data>(method: string, path: string, body?: object): Promise<Data> {
    const failed = (why: string, cause?: unknown) =>
      new LoomError('unavailable', `signer: ${this.#base}${path}: ${why}`, { cause });
    let text: string;
    let status: number;
    try {
      const answer = await fetch(this.#base + path, {
        method,
        headers: { 'x-vault-token': this.#token, 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {}),
        redirect: 'error',
        signal: AbortSignal.timeout(answerMs),
      });
      status = answer.status;
      text = await answer.text();
    } catch (error) {
      throw failed(messageOf(error), error);
    }
    if (status !== 200) throw failed(`status ${status}`);
    if (text.length > answerBytesMax) throw failed('the answer is too large');
    return (JSON.parse(text) as { data: Data }).data;
  }
}
