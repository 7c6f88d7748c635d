import { LoomError } from '@loom/errors';
import { readManifest } from '@loom/ledger';
import { showsToken } from '@loom/service-kit';
import type { Signer } from '@loom/signer';
import { Body, Controller, Get, Headers, HttpCode, Inject, Post } from '@nestjs/common';
import { z } from 'zod';

export interface ManifestDesk {
  readonly signer: Pick<Signer, 'keys'>;
  /** What query shows. */
  readonly token: string;
}
export const MANIFEST_DESK = Symbol('MANIFEST_DESK');

const Wanted = z.strictObject({ text: z.string().max(4096), publicKey: z.string().max(64) });

/**
 * Signs the manifests of bundles for query, which holds no signing key. Nothing else is signed here: a manifest begins
 * unlike any checkpoint, and so query could forge no head of a log, whoever had taken it over.
 */
@Controller('internal/manifests')
export class ManifestController {
  readonly #desk: ManifestDesk;

  constructor(@Inject(MANIFEST_DESK) desk: ManifestDesk) {
    this.#desk = desk;
  }

  @Get('keys')
  async keys(@Headers('authorization') authorization: string | undefined) {
    this.#check(authorization);
    const keys = await this.#desk.signer.keys();
    return { keys: keys.map(({ name, publicKey }) => ({ name, publicKey: toBase64(publicKey) })) };
  }

  @Post('signatures')
  @HttpCode(200)
  async sign(
    @Headers('authorization') authorization: string | undefined,
    @Body({ schema: Wanted }) { text, publicKey }: z.output<typeof Wanted>,
  ) {
    this.#check(authorization);
    const key = (await this.#desk.signer.keys()).find((one) => toBase64(one.publicKey) === publicKey);
    if (!key) throw new LoomError('not_found', 'there is no signing key with this public key');
    if (!isManifestOf(key.name, text))
      throw new LoomError(
        'invalid_request',
        'only the manifest of a bundle of this deployment is signed here',
        {
          param: 'text',
        },
      );
    return { signature: toBase64(await key.sign(Buffer.from(text))) };
  }

  #check(authorization: string | undefined): void {
    if (!showsToken(authorization, this.#desk.token))
      throw new LoomError('unauthenticated', 'this is for the query service of the deployment');
  }
}

function isManifestOf(name: string, text: string): boolean {
  try {
    return readManifest(text).origin.startsWith(`${name}/ledger/`);
  } catch {
    return false;
  }
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
