import type { StoredLeaf } from '@loom/control-store';
import { parseEnvelope, UnopenedParts } from '@loom/ledger';
import { factTableOf } from '@loom/trace-schema/stored-columns';
import type { ReadAnswerText, StoredFields, TraceAuditor } from '@loom/trace-store';
import type { LeafOpener, LeafPart } from '../leaf-opener.ts';
import { LeafRows, type ReadLeaf } from '../leaf-rows.ts';
import { checkEach, placeOf } from './findings.ts';
import { isOpening } from './opening-check.ts';
import { checkPayload, checkWords, type StoredPart } from './payload-check.ts';
import { checkRows } from './row-check.ts';

export interface DeepCheckDeps {
  readonly opener: LeafOpener;
  readonly store: Pick<TraceAuditor, 'storedRows'>;
  readonly answerText: ReadAnswerText;
}

type Leaf = ReadLeaf & { readonly stored: StoredLeaf };

/** Leaves whose rows are read at once. */
const leavesAtOnce = 256;
const place = (leaf: number) => ({ member: 'log', leaf });

/**
 * What the leaves of one log say and are committed to, against what the stores have: contents, every fact of the rows, what
 * is derived of contents. Takes the leaves in their order, then tells what is not there although nothing says that it was
 * erased.
 */
export class DeepCheck {
  readonly #deps: DeepCheckDeps;
  readonly #project: string;
  readonly #retainedSinceMs: number;
  readonly #unopened = new UnopenedParts();
  readonly #rowless = new UnopenedParts();
  verified = 0;
  unopened = 0;
  /** Calls by the version of their part `meta`. */
  readonly versions: Record<string, number> = {};

  private constructor(deps: DeepCheckDeps, project: string, retainedSinceMs: number) {
    this.#deps = deps;
    this.#project = project;
    this.#retainedSinceMs = retainedSinceMs;
  }

  static async begin(deps: DeepCheckDeps, project: string): Promise<DeepCheck> {
    return new DeepCheck(deps, project, await deps.opener.retainedSince(project));
  }

  /** What of these leaves is not as they say. One that cannot be read is for the walk over the log to tell. */
  async take(leaves: readonly StoredLeaf[], onChecked: (leaves: number) => void): Promise<string[]> {
    const found: string[] = [];
    const read = leaves.flatMap(readLeaf);
    for (let at = 0; at < read.length; at += leavesAtOnce) {
      const group = read.slice(at, at + leavesAtOnce);
      onChecked(at);
      found.push(...(await checkEach(group, (part) => this.#check(part), tellUnreadable)));
    }
    return found;
  }

  /** Leaves and parts of which nothing is there, and no leaf tells why. To be believed when nothing is on its way. */
  missing(): { readonly leaf: number; readonly what: string }[] {
    const parts = this.#unopened.resolve().missing;
    const rows = this.#rowless.resolve().missing;
    return [
      ...parts.map(({ leaf, part }) => ({ leaf, what: `the ${part}` })),
      ...rows.map(({ leaf, part }) => ({ leaf, what: `the row of ${part}` })),
    ];
  }

  async #check(leaves: readonly Leaf[]): Promise<string[]> {
    const { store, opener } = this.#deps;
    const rows = await LeafRows.read(store, this.#project, leaves);
    const spanIds = [...new Set(leaves.flatMap(({ envelope }) => envelope.spanId ?? []))];
    const [payloads, texts] = await Promise.all([
      this.#bySpan('span_payloads', spanIds),
      this.#bySpan('span_texts', spanIds),
    ]);
    const damaged = new Set<string>();
    const parts = await opener.open(
      this.#project,
      leaves.map(({ stored }) => stored),
      {
        ...{ retainedSinceMs: this.#retainedSinceMs, rows },
        onUnreadable: ({ index }, part) => damaged.add(`${index}/${part}`),
      },
    );
    const opened = new Map(parts.map((part) => [`${part.index}/${part.part}`, part]));
    const found: string[] = [];
    for (const leaf of leaves) {
      const { envelope } = leaf;
      const spanId = envelope.spanId ?? '';
      const ofLeaf = { payloads: payloads.get(spanId) ?? [], texts: texts.get(spanId) ?? [] };
      found.push(...this.#compare(leaf, rows.of(envelope), opened, { ...ofLeaf, damaged }));
    }
    for (const leaf of leaves) this.#note(leaf, opened, damaged, rows.of(leaf.envelope).length > 0);
    return found;
  }

  #compare(
    leaf: Leaf,
    rows: readonly StoredFields[],
    opened: ReadonlyMap<string, LeafPart>,
    {
      payloads,
      texts,
      damaged,
    }: Pick<StoredPart, 'payloads' | 'texts'> & { readonly damaged: ReadonlySet<string> },
  ): string[] {
    const { index, envelope } = leaf;
    const table = factTableOf(envelope.kind);
    const found: string[] = [];
    const record = opened.get(`${index}/record`);
    if (record && !isOpening(envelope, record)) found.push(`${placeOf(leaf)}: the record is not as sealed`);
    if (!table) return found;
    found.push(...checkRows(leaf, table, rows, opened.get(`${index}/meta`)?.salt ?? null));
    const part = table === 'calls_accepted' ? 'request' : table === 'spans' ? 'response' : null;
    const isKept = envelope.time >= this.#retainedSinceMs;
    if (part === null || !isKept || isErasedMeanwhile(leaf)) return found;
    const own = opened.get(`${index}/${part}`);
    const stored: StoredPart = {
      ...{ leaf, part, payloads, texts, opened: own },
      row: rows[0],
      isWrong: damaged.has(`${index}/${part}`) || (own !== undefined && !isOpening(envelope, own)),
    };
    return [
      ...found,
      ...checkPayload(stored),
      ...checkWords(stored, this.#deps.answerText),
      ...strayParts(leaf, { payloads, texts }, rows),
    ];
  }

  /** Counts what was opened, and remembers what was not. */
  #note(
    { index, envelope }: Leaf,
    opened: ReadonlyMap<string, LeafPart>,
    damaged: ReadonlySet<string>,
    hasRow: boolean,
  ): void {
    const table = factTableOf(envelope.kind);
    this.#unopened.learn(envelope, place(index));
    this.#rowless.learn(envelope, place(index));
    if (table === 'spans') {
      const version = String(envelope.meta ?? 1);
      this.versions[version] = (this.versions[version] ?? 0) + 1;
    }
    if (table && !hasRow && !(table === 'calls_accepted' && envelope.bucket === undefined)) {
      // Of end users that are erased only the rows of accepted calls go.
      const { bucket: _, ...others } = envelope;
      this.#rowless.add(table === 'calls_accepted' ? envelope : others, index, table, place(index));
    }
    for (const part of Object.keys(envelope.commits ?? {})) {
      const name = `${index}/${part}`;
      const own = opened.get(name);
      if (own) this.verified += isOpening(envelope, own) ? 1 : 0;
      else this.unopened += 1;
      const isTold = damaged.has(name) || (part === 'meta' && !hasRow);
      // Of a sealed part that was cut the commitment cannot be opened at all.
      if (!own && !isTold && !envelope.truncated?.includes(part))
        this.#unopened.add(envelope, index, part, place(index));
    }
  }

  async #bySpan(
    table: 'span_payloads' | 'span_texts',
    ids: readonly string[],
  ): Promise<ReadonlyMap<unknown, StoredFields[]>> {
    const query = { projectId: this.#project, table, by: 'spanId' as const, ids };
    return Map.groupBy(await this.#deps.store.storedRows(query), ({ spanId }) => spanId);
  }
}

function tellUnreadable(leaves: readonly ReadLeaf[]): string {
  const [first] = leaves;
  const others = leaves.length > 1 ? ` and ${leaves.length - 1} leaves after it` : '';
  return `${first ? placeOf(first) : 'a leaf'}${others}: what is stored of it cannot be read`;
}

/** Parts of a call that nothing writes. */
function strayParts(
  leaf: ReadLeaf,
  { payloads, texts }: Pick<StoredPart, 'payloads' | 'texts'>,
  rows: readonly StoredFields[],
): string[] {
  const isPart = ({ part }: StoredFields) => part === 'request' || part === 'response';
  const found: string[] = [];
  if (payloads.some((row) => !isPart(row)))
    found.push(`${placeOf(leaf)}: not as sealed in span_payloads: part`);
  if (texts.some((row) => !isPart(row))) found.push(`${placeOf(leaf)}: not as sealed in span_texts: part`);
  if (factTableOf(leaf.envelope.kind) === 'spans' && rows.some((row) => row['inputPreview'] !== ''))
    found.push(`${placeOf(leaf)}: not as sealed in spans: input_preview`);
  return found;
}

/** Of a call that an erasure took while it was under way nothing is left to compare. */
function isErasedMeanwhile({ envelope }: ReadLeaf): boolean {
  return envelope.bucket === undefined;
}

function readLeaf(stored: StoredLeaf): Leaf[] {
  try {
    return [{ index: stored.index, envelope: parseEnvelope(stored.envelope), stored }];
  } catch {
    return [];
  }
}
