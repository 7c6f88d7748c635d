import { describe, expect, it } from '@jest/globals';
import { cosignerOf, nodeCrypto, publicKeyOf, utf8, verifierOf, writeVerifierKey } from '@loom/ledger';
import { z } from 'zod';
import { anchorSettings } from './anchor-settings.ts';

const schema = z.object(anchorSettings);
const key = { name: 'witness.test/w1', publicKey: publicKeyOf(nodeCrypto.sha256(utf8('a witness'))) };
const witness = cosignerOf(nodeCrypto, { ...key });
const vkey = writeVerifierKey(witness);

describe('anchorSettings', () => {
  it('is empty by default', () => {
    expect(schema.parse({})).toEqual({
      ...{ LOOM_LEDGER_WITNESSES: [], LOOM_LEDGER_WEBHOOKS: [], LOOM_LEDGER_BUCKET_URL: null },
      LOOM_LEDGER_BUCKET_RETENTION: 365 * 86_400_000,
    });
  });

  it('reads witnesses with their keys, whatever their URLs hold', () => {
    const url = 'https://user:p%40ss@w.example:8443/one';
    const read = schema.parse({ LOOM_LEDGER_WITNESSES: `${vkey}@${url}` }).LOOM_LEDGER_WITNESSES;
    expect(read).toEqual([{ verifier: witness, url: new URL(url) }]);
  });

  it('refuses what it cannot use', () => {
    const log = writeVerifierKey(verifierOf(key));
    const cases: [Record<string, string>, string][] = [
      [{ LOOM_LEDGER_WITNESSES: 'https://w.example' }, 'expected <verifier key>@<http(s) URL>'],
      [{ LOOM_LEDGER_WITNESSES: vkey }, 'expected <verifier key>@<http(s) URL>'],
      [{ LOOM_LEDGER_WITNESSES: `${vkey}@ftp://w.example` }, 'expected <verifier key>@<http(s) URL>'],
      [{ LOOM_LEDGER_WITNESSES: `${vkey.replace('w1', 'w2')}@https://w.example` }, 'its id does not belong'],
      [{ LOOM_LEDGER_WITNESSES: `${log}@https://w.example` }, 'the key of a log'],
      [{ LOOM_LEDGER_WITNESSES: `${vkey}@https://a.example,${vkey}@https://b.example` }, 'the same name'],
      [{ LOOM_LEDGER_WEBHOOKS: 'https://a.example,b' }, 'expected http(s) URLs'],
      [{ LOOM_LEDGER_WEBHOOKS: 'https://a.example,https://a.example/' }, 'twice'],
      [{ LOOM_LEDGER_BUCKET_URL: 's3://bucket' }, 'expected https://<key id>'],
      [{ LOOM_LEDGER_BUCKET_URL: 'https://id@s3.example/bucket' }, 'expected https://<key id>'],
    ];
    for (const [env, why] of cases) expect(schema.safeParse(env).error?.message).toContain(why);
  });
});
