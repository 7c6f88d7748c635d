import { createHash, createHmac } from 'node:crypto';
import type { Request } from './send.ts';

export interface S3Credentials {
  readonly keyId: string;
  readonly secret: string;
  readonly region: string;
}

/** The headers of a request without a query, and those that sign it (AWS Signature Version 4, for S3). */
export function signS3(
  { url, method, headers, body }: Request,
  { keyId, secret, region }: S3Credentials,
  time: Date,
): Record<string, string> {
  const at = time.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = at.slice(0, 8);
  const bodyHash = sha256(body);
  const added = { ...headers, 'x-amz-content-sha256': bodyHash, 'x-amz-date': at };
  const all: [string, string][] = Object.entries({ ...added, host: url.host });
  const sorted = all.sort(([a], [b]) => (a < b ? -1 : 1));
  const names = sorted.map(([name]) => name).join(';');
  const canonical = [
    ...[method, url.pathname, ''],
    ...sorted.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
    ...['', names, bodyHash],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n');
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  const signature = hmac(key, toSign).toString('hex');
  return {
    ...added,
    authorization: `AWS4-HMAC-SHA256 Credential=${keyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** A path as S3 signs it: each of its parts escaped but for unreserved characters. */
export function escapePath(path: string): string {
  const escapeMore = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  const parts = path.split('/').map(encodeURIComponent);
  return parts.map((part) => part.replace(/[!'()*]/g, escapeMore)).join('/');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
