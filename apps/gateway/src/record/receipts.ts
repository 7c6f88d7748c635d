import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { nodeCrypto, receiptMessage, statementTree, writeReceipt, writeStatement } from '@loom/ledger';
import { systemProjectId } from '@loom/trace-schema';
import type { Emitter } from './emitter.ts';

/** A call that asks for a receipt; it has one when its commit group was signed. */
export class ReceiptClaim {
  readonly statement: string;
  receipt: string | null = null;

  constructor(statement: string) {
    this.statement = statement;
  }
}

export interface ClaimedCall {
  readonly callId: string;
  readonly projectId: string;
  /** Hex SHA-256 of the plain bytes of the request. */
  readonly requestHash: string;
}

/**
 * Gives the calls of an emitter their receipts (ADR 0016): one signature for all of a commit group, by a key that is
 * made here, never leaves this object and dies with the process. `emitter.opened` certifies it.
 */
export class ReceiptSigner {
  readonly emitterId: string;
  readonly #privateKey: KeyObject;
  readonly #publicKey: string;

  constructor(emitterId: string) {
    this.emitterId = emitterId;
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#privateKey = privateKey;
    const { x = '' } = publicKey.export({ format: 'jwk' });
    this.#publicKey = Buffer.from(x, 'base64url').toString('base64');
  }

  /** Writes the first event of the emitter; resolves when it is durable. */
  open(emitter: Emitter): Promise<void> {
    const draft = {
      id: `${emitter.id}/opened`,
      type: 'emitter.opened',
      projectId: systemProjectId,
      subject: emitter.id,
      fields: { publicKey: this.#publicKey },
    };
    return emitter.emit(draft, { essential: true });
  }

  claim(
    { callId, projectId: project, requestHash: request }: ClaimedCall,
    { seq, timeMs: time }: { readonly seq: number; readonly timeMs: number },
  ): ReceiptClaim {
    return new ReceiptClaim(
      writeStatement({ v: 1, callId, project, emitter: this.emitterId, seq, time, request }),
    );
  }

  /** Signs for the claims among the members of one commit group. */
  signGroup(members: readonly unknown[]): void {
    const claims = members.filter((member) => member instanceof ReceiptClaim);
    const size = claims.length;
    if (size === 0) return;
    const statements = claims.map(({ statement }) => statement);
    const { root, paths } = statementTree(nodeCrypto, statements);
    const signature = sign(null, receiptMessage(this.emitterId, size, root), this.#privateKey);
    for (const [index, claim] of claims.entries()) {
      const { statement } = claim;
      const path = paths[index] ?? [];
      claim.receipt = writeReceipt({ statement, index, size, path, signature }, base64Url);
    }
  }
}

function base64Url({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64url');
}
