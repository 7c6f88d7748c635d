import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import {
  type ReceiptStatement,
  receiptMessage,
  statementTree,
  writeReceipt,
  writeStatement,
} from '@loom/ledger';
import { systemProjectId } from '@loom/trace-schema';
import type { Emitter } from './emitter.ts';

/**
 * Gives the value of `x-loom-receipt`, when the answer begins and never before the accepted event is durable. The first of a
 * group to be asked has the whole group signed: tens of microseconds.
 */
export type ReceiptText = () => string;

type ClaimedCall = Omit<ReceiptStatement, 'v' | 'emitter'>;

/** Of the calls under one signature: its cost is shared, and a path has at most five hashes. */
const groupSizeMax = 32;

/**
 * Gives the calls of an emitter their receipts (ADR 0016) by a key that is made here, never leaves this object and dies
 * with the process; `emitter.opened` certifies it. One signature is for all calls that were appended since the last one,
 * those on their way to the disk too: most answers find theirs signed.
 */
export class ReceiptSigner {
  readonly emitterId: string;
  readonly #privateKey: KeyObject;
  readonly #publicKey: string;
  #group: ClaimedGroup;

  constructor(emitterId: string) {
    this.emitterId = emitterId;
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#privateKey = privateKey;
    const { x = '' } = publicKey.export({ format: 'jwk' });
    this.#publicKey = Buffer.from(x, 'base64url').toString('base64');
    this.#group = this.#newGroup();
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

  /** For a call whose accepted event was appended: the receipt vouches for its being durable, so wait for that. */
  claim(call: ClaimedCall): ReceiptText {
    if (this.#group.isFull) this.#group = this.#newGroup();
    return this.#group.join({ v: 1, emitter: this.emitterId, ...call });
  }

  #newGroup(): ClaimedGroup {
    return new ClaimedGroup((statements) => this.#sign(statements));
  }

  #sign(statements: readonly string[]): string[] {
    const size = statements.length;
    const { root, paths } = statementTree(hasher, statements);
    const message = receiptMessage(this.emitterId, size, Buffer.from(root, 'latin1').toString('base64'));
    const signature = sign(null, Buffer.from(message), this.#privateKey).toString('base64url');
    return statements.map((text, index) => {
      const statement = Buffer.from(text).toString('base64url');
      const path = Buffer.from((paths[index] ?? []).join(''), 'latin1').toString('base64url');
      return writeReceipt({ statement, index, size, path, signature });
    });
  }
}

/** Calls that get their receipts under one signature, when the first of them needs it. Takes no more after that. */
class ClaimedGroup {
  readonly #sign: (statements: readonly string[]) => string[];
  readonly #calls: ReceiptStatement[] = [];
  #receipts: string[] | null = null;

  constructor(sign: (statements: readonly string[]) => string[]) {
    this.#sign = sign;
  }

  get isFull(): boolean {
    return this.#receipts !== null || this.#calls.length >= groupSizeMax;
  }

  join(call: ReceiptStatement): ReceiptText {
    const index = this.#calls.push(call) - 1;
    return () => (this.#receipts ??= this.#sign(this.#calls.map(writeStatement)))[index] ?? '';
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
