import { bucketCommitment, openPayload, sealPayload } from '@loom/ledger';
import type { ContentKey } from './content-keys.ts';

export interface SealedCall {
  readonly projectId: string;
  readonly callId: string;
}

/** Seals what one call says, in a project whose content is `sealed`. A part is `request`, `response` or `chunks/<n>`. */
export class ContentSeal {
  readonly #key: ContentKey;
  readonly #call: SealedCall;

  constructor(key: ContentKey, { projectId, callId }: SealedCall) {
    this.#key = key;
    this.#call = { projectId, callId };
  }

  get keyId(): string {
    return this.#key.id;
  }

  seal(part: string, plain: Buffer): Buffer {
    return sealPayload(this.#key.bytes, plain, { ...this.#call, part });
  }

  /** Throws `invalid_request` for bytes that were not sealed for this part of this call with this key. */
  open(part: string, sealed: Buffer): Buffer {
    return openPayload(this.#key.bytes, sealed, { ...this.#call, part });
  }

  /** Hex. What may be known of a part without its key, in place of its hash: deterministic, whoever makes it. */
  commitment(eventId: string, part: string, opening: Buffer): string {
    return bucketCommitment(this.#key.bytes, { eventId, part, opening });
  }
}
