import { describe, expect, it } from '@jest/globals';
import { cosignerOf, nodeCrypto, publicKeyOf, utf8, verifierOf, writeVerifierKey } from '@loom/ledger';
import { z } from 'zod';
import { anchorSettings } from './anchor-settings.ts';
import { escapePath, signS3 } from './sign-s3.ts';

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

describe('signS3', () => {
  it('signs the example of its documentation', () => {
    const url = new URL('https://examplebucket.s3.amazonaws.com');
    url.pathname = `/${escapePath('test$file.text')}`;
    const signed = signS3(
      {
        ...{ url, method: 'PUT', body: 'Welcome to Amazon S3.' },
        headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      },
      {
        ...{ keyId: 'AKIAIOSFODNN7EXAMPLE', region: 'us-east-1' },
        secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      },
      new Date('2013-05-24T00:00:00Z'),
    );
    expect(signed.authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    );
  });
});
