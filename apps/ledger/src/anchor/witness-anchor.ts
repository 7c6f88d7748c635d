import type { LedgerStore } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import {
  consistencyProof,
  nodeCrypto,
  proveWithTiles,
  readCosignature,
  sizeContentType,
  writeAddCheckpoint,
} from '@loom/ledger';
import type { Anchor, AnchoredCheckpoint } from './anchor.ts';
import type { WitnessSetting } from './anchor-settings.ts';
import { type Answer, expectSuccess, send } from './send.ts';

/** Asks a witness (C2SP tlog-witness) for its cosignature and keeps it beside the checkpoint. */
export class WitnessAnchor implements Anchor {
  readonly name: string;
  readonly #store: LedgerStore;
  readonly #setting: WitnessSetting;
  readonly #url: URL;

  constructor(store: LedgerStore, setting: WitnessSetting) {
    this.name = setting.verifier.name;
    this.#store = store;
    this.#setting = setting;
    this.#url = new URL(setting.url);
    this.#url.pathname = `${setting.url.pathname.replace(/\/$/, '')}/add-checkpoint`;
  }

  async bring(checkpoint: AnchoredCheckpoint, signal: AbortSignal): Promise<void> {
    let answer = await this.#ask(checkpoint, checkpoint.lastSize, signal);
    const known = sizeOf(answer);
    if (known !== null) {
      if (known === checkpoint.lastSize)
        throw new LoomError('conflict', `the witness has another root of size ${known}`);
      if (known > checkpoint.size)
        throw new LoomError('conflict', `the witness has size ${known}, which is larger than the log`);
      answer = await this.#ask(checkpoint, known, signal);
    }
    expectSuccess({ url: this.#url }, answer);
    const { note, size, projectId } = checkpoint;
    const { line, timeSeconds } = readCosignature(nodeCrypto, note, answer.text, this.#setting.verifier);
    const cosigned = { size, witness: this.name, line, cosignedAtMs: timeSeconds * 1000 };
    await this.#store.putCosignature(projectId, cosigned);
  }

  async #ask(
    { projectId, size, note }: AnchoredCheckpoint,
    oldSize: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const proof =
      oldSize === 0
        ? []
        : await proveWithTiles(
            nodeCrypto,
            size,
            (places) => this.#store.readTiles(projectId, places),
            (rangeHash) => consistencyProof(oldSize, size, rangeHash),
          );
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    const body = writeAddCheckpoint({ oldSize, proof, note });
    return send({ url: this.#url, method: 'POST', headers, body }, signal);
  }
}

/** What the witness says that it has; null when it does not say so. */
function sizeOf({ status, contentType, text }: Answer): number | null {
  const isSize = status === 409 && contentType.split(';')[0]?.trim() === sizeContentType;
  return isSize && /^(?:0|[1-9]\d{0,14})\n$/.test(text) ? Number(text) : null;
}
