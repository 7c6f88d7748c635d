import { isLoomError, LoomError } from '@loom/errors';
import { equalBytes, textOf } from '../bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../checkpoint.ts';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import { emptyRoot } from '../merkle-hash.ts';
import { verifyConsistency } from '../merkle-proof.ts';
import type { NoteSigner } from '../sign-note.ts';
import {
  cosignatureBytes,
  cosignatureType,
  cosignedMessage,
  keyIdOf,
  type NoteSignature,
  type NoteVerifier,
  parseNote,
  signatureLine,
  verifyNote,
  writeNote,
} from '../signed-note.ts';
import { type AddCheckpoint, parseAddCheckpoint, sizeContentType } from './add-checkpoint.ts';

/** Where a witness keeps, for each log, the note that it has cosigned last. */
export interface WitnessStore {
  /** Null only when there never was one: what cannot be read must throw. */
  read(origin: string): Promise<string | null>;
  /** Resolves when the note outlives a power cut; the one of before, or this one, is there at any moment. */
  write(origin: string, note: string): Promise<void>;
}

export interface WitnessDeps {
  readonly crypto: LedgerCrypto;
  readonly store: WitnessStore;
  /** The key of the witness, of the type that cosigns. */
  readonly key: NoteSigner;
  /** Keys of deployments. One signs for the origins that begin with `<its name>/ledger/`. */
  readonly logs: readonly NoteVerifier[];
  readonly now?: () => number;
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly contentType: string;
  readonly body: string;
}

interface Submission extends AddCheckpoint {
  readonly text: string;
  readonly checkpoint: Checkpoint;
}

/** What checks the cosignatures of a key. */
export function cosignerOf(
  crypto: LedgerCrypto,
  { name, publicKey }: Omit<NoteSigner, 'sign'>,
): NoteVerifier {
  const keyId = keyIdOf(crypto, name, cosignatureType, publicKey);
  return { name, publicKey, type: cosignatureType, keyId };
}

const plain = 'text/plain; charset=utf-8';
const refusal = (status: WitnessAnswer['status'], why: string): WitnessAnswer => ({
  ...{ status, contentType: plain, body: `${why}\n` },
});
const conflict = (size: number): WitnessAnswer => ({
  ...{ status: 409, contentType: sizeContentType, body: `${size}\n` },
});

/**
 * A witness (C2SP tlog-witness): cosigns a checkpoint only if the log continues what it has cosigned before. It never
 * cosigns two roots of one size, never goes back, and answers only when what it has cosigned is kept.
 *
 * It must be the only one that writes to its store.
 */
export class Witness {
  readonly verifier: NoteVerifier;
  readonly #deps: WitnessDeps;
  /** The last request of each origin that is under way. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(deps: WitnessDeps) {
    this.#deps = deps;
    this.verifier = cosignerOf(deps.crypto, deps.key);
  }

  /** Answers the body of an `add-checkpoint`. Rejects when the store or the key fails; then nothing is cosigned. */
  async addCheckpoint(body: Uint8Array): Promise<WitnessAnswer> {
    const submission = attempt(() => readSubmission(body));
    if (submission instanceof LoomError) return refusal(400, submission.message);
    const { origin, size } = submission.checkpoint;
    const keys = this.#deps.logs.filter(({ name }) => origin.startsWith(`${name}/ledger/`));
    if (keys.length === 0) return refusal(404, 'this log is not known');
    const signed = attempt(() => verifyNote(this.#deps.crypto, submission.note, keys));
    if (signed instanceof LoomError) return refusal(403, signed.message);
    if (submission.oldSize > size) return refusal(400, 'the old size is larger than the checkpoint');
    const { verified, signatures } = signed;
    const ofLog = signatures.filter(({ name, keyId }) =>
      verified.some(({ verifier }) => verifier.name === name && verifier.keyId === keyId),
    );
    return this.#inTurn(origin, () => this.#cosign(submission, ofLog));
  }

  /** One request of an origin after the other: what one has kept, the next one reads. */
  async #inTurn<Result>(origin: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#underWay.get(origin) ?? Promise.resolve();
    const result = before.then(work);
    const settled = result.catch(() => undefined);
    this.#underWay.set(origin, settled);
    try {
      return await result;
    } finally {
      if (this.#underWay.get(origin) === settled) this.#underWay.delete(origin);
    }
  }

  async #cosign(submission: Submission, ofLog: readonly NoteSignature[]): Promise<WitnessAnswer> {
    const { store, key, now = Date.now } = this.#deps;
    const { checkpoint, oldSize, text } = submission;
    const last = await this.#last(checkpoint.origin);
    if (oldSize !== (last?.size ?? 0)) return conflict(last?.size ?? 0);
    if (last && last.size === checkpoint.size && !equalBytes(last.root, checkpoint.root))
      return conflict(last.size);
    if (!this.#continues(submission, last)) return refusal(422, 'the proof of consistency does not hold');
    const timeSeconds = Math.floor(now() / 1000);
    const { name, keyId } = this.verifier;
    const bytes = cosignatureBytes(timeSeconds, await key.sign(cosignedMessage(timeSeconds, text)));
    const own = { name, keyId, signature: bytes };
    // Signatures of others are not kept: anybody can add some, up to what no note may have.
    await store.write(checkpoint.origin, writeNote(text, [...ofLog, own]));
    return { status: 200, contentType: plain, body: signatureLine(own) };
  }

  async #last(origin: string): Promise<Checkpoint | null> {
    const note = await this.#deps.store.read(origin);
    if (note === null) return null;
    const kept = parseCheckpoint(parseNote(note).text);
    // Answering from the state of another log would be cosigning anything.
    if (kept.origin !== origin)
      throw new LoomError('internal', `what is kept of ${origin} is of another log`);
    return kept;
  }

  #continues({ checkpoint, oldSize, proof }: Submission, last: Checkpoint | null): boolean {
    const { crypto } = this.#deps;
    const { size, root } = checkpoint;
    // A tree without leaves is the beginning of every tree, and says nothing that could be proven.
    if (oldSize === 0) return proof.length === 0 && (size > 0 || equalBytes(root, emptyRoot(crypto)));
    return last !== null && verifyConsistency(crypto, { oldSize, size, oldRoot: last.root, root, proof });
  }
}

function readSubmission(body: Uint8Array): Submission {
  const request = parseAddCheckpoint(textOf(body));
  const { text } = parseNote(request.note);
  return { ...request, text, checkpoint: parseCheckpoint(text) };
}

function attempt<Result>(work: () => Result): Result | LoomError {
  try {
    return work();
  } catch (error) {
    if (isLoomError(error)) return error;
    throw error;
  }
}
