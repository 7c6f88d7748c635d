import type { CounterStore } from '@loom/counter-store';
import { isLoomError } from '@loom/errors';
import { assembleAnswer, type ModelRequest, type ResponseItem, withItems } from '@loom/providers';
import { type Call, type CallEnd, known } from './call.ts';
import type { ResponseOwner } from './stored-responses.ts';

/** An item of an answer, and who can be told its id. */
export interface StoredItem {
  readonly item: ResponseItem;
  /** The provider that holds the item too; null: the answer was translated, and only Loom knows the id. */
  readonly heldBy: Pick<ResponseOwner, 'providerId' | 'keyIndex'> | null;
}

/** Clients name items a step or a turn later. It is content, so it is not kept for longer than that takes. Milliseconds. */
const keptMs = 24 * 3_600_000;
const itemBytesMax = 256 * 1024;
/** Of one answer, and of one request. */
const itemsMax = 256;

/**
 * Items of the answers that callers of the Responses API were given. Clients name them in their next request
 * (`item_reference`) and do not send them, also where the next model is another provider's. None is kept of projects
 * whose content is sealed, and of calls with `store: false`. A store that is away is one that has nothing.
 */
export class StoredItems {
  readonly #store: CounterStore;
  readonly #onFailure: (error: unknown) => void;

  constructor(store: CounterStore, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#onFailure = onFailure;
  }

  /**
   * Stores the items of a call's answer in the background. Never throws: the answer was sent, whatever is in it. `id`: what
   * the ids of a translated answer are made of.
   */
  keep(call: Call, end: CallEnd, id: string): void {
    try {
      this.#keep(call, end, id);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #keep(call: Call, end: CallEnd, id: string): void {
    const { id: projectId } = known(call.project, 'project');
    const bytes = keepsItems(call, end) ? (call.tap?.answer() ?? null) : null;
    if (!bytes) return;
    const heldBy = holderOf(call, end);
    for (const item of itemsOf(call, end, { bytes, id }).slice(0, itemsMax)) {
      const value = Buffer.from(JSON.stringify({ item, heldBy } satisfies StoredItem));
      if (typeof item.id !== 'string' || value.length > itemBytesMax) continue;
      this.#store
        .put(keyOf(projectId, item.id), value, { ttlMs: keptMs })
        .catch((error: unknown) => this.#fail(error));
    }
  }

  /** Returns those of the named items that are known, by their ids. */
  async find(projectId: string, ids: readonly string[]): Promise<ReadonlyMap<string, StoredItem>> {
    const found = new Map<string, StoredItem>();
    try {
      for (const id of new Set(ids.slice(0, itemsMax))) {
        const kept = await this.#store.get(keyOf(projectId, id));
        if (kept) found.set(id, JSON.parse(kept.toString()) as StoredItem);
      }
    } catch (error) {
      this.#fail(error);
    }
    return found;
  }

  #fail(error: unknown): void {
    if (!isLoomError(error)) throw error;
    this.#onFailure(error);
  }
}

/**
 * The request with the items that its provider does not hold in the place of their names. Where the provider speaks the
 * caller's API they go without ids, which it does not know, and without reasoning, which it cannot read.
 */
export function withStoredItems(
  request: ModelRequest,
  items: ReadonlyMap<string, StoredItem>,
  { providerId, isTranslated }: { readonly providerId: string; readonly isTranslated: boolean },
): ModelRequest {
  const sent = new Map<string, ResponseItem | null>();
  for (const [name, { item, heldBy }] of items) {
    if (isTranslated) sent.set(name, item);
    else if (heldBy?.providerId !== providerId) sent.set(name, withoutOrigin(item));
  }
  return withItems(request, sent);
}

function withoutOrigin({ id: _id, ...item }: ResponseItem): ResponseItem | null {
  return item.type === 'reasoning' ? null : item;
}

function keepsItems(
  { dialectOrThrow, project, stored, modelRequest }: Call,
  { outcome, status }: CallEnd,
): boolean {
  return (
    dialectOrThrow.name === 'openai-responses' &&
    stored === null &&
    project?.content !== 'sealed' &&
    modelRequest?.parameters.store !== false &&
    outcome === 'completed' &&
    status === 200
  );
}

function holderOf(call: Call, { wire, target, attempts }: CallEnd): StoredItem['heldBy'] {
  if (wire !== undefined && wire !== call.dialectOrThrow.name) return null;
  const { provider } = target ?? known(call.target, 'target');
  return { providerId: provider.id, keyIndex: attempts?.at(-1)?.keyIndex ?? 0 };
}

function itemsOf(
  call: Call,
  { wire = '', streamed }: CallEnd,
  { bytes, id }: { readonly bytes: Buffer; readonly id: string },
): readonly ResponseItem[] {
  const request = known(call.modelRequest, 'modelRequest');
  const recorded = { dialect: call.dialectOrThrow.name, wire, requestModel: request.model, id };
  const { output } = assembleAnswer(recorded, bytes, streamed, request.bytes) ?? {};
  return Array.isArray(output) ? (output as ResponseItem[]) : [];
}

function keyOf(projectId: string, itemId: string): string {
  return `response-item/${projectId}/${itemId}`;
}
