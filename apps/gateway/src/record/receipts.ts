import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { receiptMessage, statementTree, writeReceipt, writeStatement } from '@loom/ledger';
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
    const { root, paths } = statementTree(hasher, statements);
    const message = receiptMessage(this.emitterId, size, Buffer.from(root, 'latin1').toString('base64'));
    const signature = sign(null, Buffer.from(message), this.#privateKey).toString('base64url');
    for (const [index, claim] of claims.entries()) {
      const statement = Buffer.from(claim.statement).toString('base64url');
      const path = Buffer.from((paths[index] ?? []).join(''), 'latin1').toString('base64url');
      claim.receipt = writeReceipt({ statement, index, size, path, signature });
    }
  }
}

/** A node of the tree before it is hashed: 0x01 || left || right. */
const pair = Buffer.alloc(65, 1);

/** Hashes are Latin-1 texts of 32 characters: buffers of their own for each would cost more than the hashing. */
const hasher = {
  leaf: (statement: string) => hash('sha256', `\0${statement}`, 'binary'),
  node: (left: string, right: string) => {
    pair.write(left, 1, 'latin1');
    pair.write(right, 33, 'latin1');
    return hash('sha256', pair, 'binary');
  },
};
