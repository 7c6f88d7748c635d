import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

export interface AwsRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface AwsScope {
  readonly service: 'bedrock' | 's3';
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** The headers of a request and those that sign it (AWS Signature Version 4), but for `host`. */
export async function signAws(
  { url, method, headers, body }: AwsRequest,
  { service, region, credentials }: AwsScope,
  time = new Date(),
): Promise<Record<string, string>> {
  // S3 alone takes the path as it is; all others escape it once more.
  const signer = new SignatureV4({
    ...{ service, region, credentials, sha256: Sha256, uriEscapePath: service !== 's3' },
  });
  const request = {
    ...{ method, protocol: url.protocol, hostname: url.hostname, path: url.pathname, body },
    headers: { ...headers, host: url.host },
    query: Object.fromEntries(url.searchParams),
  };
  const { host: _host, ...signed } = (await signer.sign(request, { signingDate: time })).headers;
  return signed;
}

/** SHA-256 as the signer wants it. */
class Sha256 {
  readonly #secret: string | Uint8Array | undefined;
  #hash: ReturnType<typeof createHash | typeof createHmac>;

  constructor(secret?: unknown) {
    this.#secret = secret as string | Uint8Array | undefined;
    this.#hash = this.#begin();
  }

  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }

  reset(): void {
    this.#hash = this.#begin();
  }

  #begin(): ReturnType<typeof createHash | typeof createHmac> {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
  }
}
