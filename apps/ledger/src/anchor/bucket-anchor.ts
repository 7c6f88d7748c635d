import { createHash } from 'node:crypto';
import { signAws } from '@loom/service-kit/aws-signature';
import type { Anchor, AnchoredCheckpoint } from './anchor.ts';
import { expectSuccess, send } from './send.ts';

interface Options {
  /** With the credentials, the region, and the path of the bucket. */
  readonly url: URL;
  readonly retentionMs: number;
  readonly now?: () => number;
}

/** Puts each checkpoint into an object store that lets nobody delete it before its time. */
export class BucketAnchor implements Anchor {
  readonly name: string;
  readonly #options: Options;

  constructor(options: Options) {
    this.name = `bucket ${options.url.host}${options.url.pathname}`;
    this.#options = options;
  }

  async bring({ origin, size, note }: AnchoredCheckpoint, signal: AbortSignal): Promise<void> {
    const { url: bucket, retentionMs, now = Date.now } = this.#options;
    const url = new URL(bucket.origin);
    const folder = bucket.pathname.replace(/\/$/, '');
    url.pathname = `${folder}/${escapePath(origin)}/${String(size).padStart(16, '0')}.note`;
    const time = new Date(now());
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'content-md5': createHash('md5').update(note).digest('base64'),
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': new Date(time.getTime() + retentionMs).toISOString(),
    };
    const request = { url, method: 'PUT' as const, headers, body: note };
    const credentials = {
      accessKeyId: decodeURIComponent(bucket.username),
      secretAccessKey: decodeURIComponent(bucket.password),
    };
    const scope = {
      service: 's3',
      region: bucket.searchParams.get('region') ?? 'us-east-1',
      credentials,
    } as const;
    const signed = credentials.accessKeyId === '' ? headers : await signAws(request, scope, time);
    expectSuccess(request, await send({ ...request, headers: signed }, signal));
  }
}

/** A path as S3 signs it: each of its parts escaped but for unreserved characters. */
function escapePath(path: string): string {
  const escapeMore = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  const parts = path.split('/').map(encodeURIComponent);
  return parts.map((part) => part.replace(/[!'()*]/g, escapeMore)).join('/');
}
