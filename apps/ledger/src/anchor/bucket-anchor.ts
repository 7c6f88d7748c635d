import { createHash } from 'node:crypto';
import type { Anchor, AnchoredCheckpoint } from './anchor.ts';
import { expectSuccess, send } from './send.ts';
import { escapePath, signS3 } from './sign-s3.ts';

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
      keyId: decodeURIComponent(bucket.username),
      secret: decodeURIComponent(bucket.password),
      region: bucket.searchParams.get('region') ?? 'us-east-1',
    };
    const signed = credentials.keyId === '' ? headers : signS3(request, credentials, time);
    expectSuccess(request, await send({ ...request, headers: signed }, signal));
  }
}
