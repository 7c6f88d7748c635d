import { envDurationMs, envList } from '@loom/config';
import { messageOf } from '@loom/errors';
import { cosignatureType, nodeCrypto, type NoteVerifier, parseVerifierKey } from '@loom/ledger';
import { z } from 'zod';

/** A witness: where it is asked, and the key that its answer is checked with. */
export interface WitnessSetting {
  readonly verifier: NoteVerifier;
  /** What `/add-checkpoint` is added to. */
  readonly url: URL;
}

const envWitnesses = envList.transform((entries, context) => {
  const witnesses: WitnessSetting[] = [];
  for (const entry of entries) {
    try {
      witnesses.push(witnessOf(entry));
    } catch (error) {
      context.addIssue({ code: 'custom', message: `"${entry.slice(0, 40)}…": ${messageOf(error)}` });
    }
  }
  if (new Set(witnesses.map(({ verifier }) => verifier.name)).size !== witnesses.length)
    context.addIssue({ code: 'custom', message: 'two witnesses have the same name' });
  return witnesses;
});

// Base64 has no @: the first one after the key's two plus signs ends it.
function witnessOf(entry: string): WitnessSetting {
  const [, vkey = '', url = ''] = /^([^+]+\+[^+]+\+[^@]+)@(.+)$/.exec(entry) ?? [];
  if (vkey === '' || !isHttp(url)) throw new Error('expected <verifier key>@<http(s) URL>');
  const verifier = parseVerifierKey(nodeCrypto, vkey);
  if (verifier.type !== cosignatureType) throw new Error('this is the key of a log, not of a witness');
  return { verifier, url: new URL(url) };
}

const envWebhooks = envList.transform((entries, context) => {
  const urls = entries.filter(isHttp).map((url) => new URL(url));
  if (urls.length < entries.length)
    context.addIssue({ code: 'custom', message: 'expected http(s) URLs, separated by commas' });
  if (new Set(urls.map(({ href }) => href)).size !== urls.length)
    context.addIssue({ code: 'custom', message: 'a webhook stands in it twice' });
  return urls;
});

const envBucket = z
  .string()
  .default('')
  .transform((text, context) => {
    if (text === '') return null;
    const url = isHttp(text) ? new URL(text) : null;
    if (url && (url.username === '') === (url.password === '')) return url;
    context.addIssue({
      code: 'custom',
      message: 'expected https://<key id>:<secret>@<host>/<bucket>?region=<region>',
    });
    return z.NEVER;
  });

/** Who is shown each published checkpoint, so that the log cannot be cut back or written anew unseen. */
export const anchorSettings = {
  LOOM_LEDGER_WITNESSES: envWitnesses.describe(
    'Witnesses (C2SP tlog-witness) that cosign each checkpoint: <verifier key>@<URL>, separated by commas',
  ),
  LOOM_LEDGER_WEBHOOKS: envWebhooks.describe(
    'URLs that each checkpoint is sent to as a POST of its note, separated by commas',
  ),
  LOOM_LEDGER_BUCKET_URL: envBucket.describe(
    'A bucket with object lock (S3) that each checkpoint is put into, for nobody to delete: https://<key id>:<secret>@<host>/<bucket>[/<prefix>]?region=<region>',
  ),
  LOOM_LEDGER_BUCKET_RETENTION: envDurationMs
    .default(365 * 86_400_000)
    .describe('How long the bucket must keep each checkpoint'),
};

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
