import type {
  CallInFlight,
  Span,
  SpanChunks,
  TraceDetail,
  TraceList,
  TraceOutline,
} from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import type { PayloadPart } from '@loom/trace-schema';
import type { Filter, StoredSpan, TraceReader } from '@loom/trace-store';
import type { z } from 'zod';
import {
  ContentReader,
  type ContentReaderDeps,
  inlineBytesMax,
  inlineLimits,
  wholeLimits,
} from './content-reader.ts';
import { parseFilter } from './filter-grammar.ts';
import { toClosedRange, toInstant, toRange } from './instants.ts';
import { toTraceOutline } from './outline-view.ts';
import type { QueryOf } from './query-input.ts';
import { contentLeftOut, toCallInFlight, toSpan, toTraceSummary } from './span-view.ts';

export interface TraceQueriesDeps extends ContentReaderDeps {
  readonly store: TraceReader;
  readonly now?: () => number;
}

const hourMs = 3_600_000;

/**
 * The read side. The project comes from the caller's key alone; what is not in it does not exist (`not_found`, with
 * the same words for an id of nobody and of another project).
 */
export class TraceQueries {
  readonly #store: TraceReader;
  readonly #content: ContentReader;
  readonly #now: () => number;

  constructor(deps: TraceQueriesDeps) {
    this.#store = deps.store;
    this.#content = new ContentReader(deps);
    this.#now = deps.now ?? Date.now;
  }

  async listTraces(projectId: string, query: QueryOf<'listTraces'>): Promise<z.infer<typeof TraceList>> {
    const filter = parseFilter(query.filter ?? '');
    let range = toRange(query);
    let unsearched: number | null = null;
    if (filter && searchesText(filter)) {
      if (range.from === null) {
        throw new LoomError('invalid_request', 'a text search needs a time range: give `from` (and `to`)', {
          param: 'from',
        });
      }
      const closed = toClosedRange(query, 0, this.#now());
      range = closed;
      if (query.cursor === undefined)
        unsearched = await this.#store.countUnsearched({ projectId, ...closed });
    }
    const { items, nextCursor } = await this.#store.listTraces({
      projectId,
      ...range,
      filter,
      ...{ sort: query.sort, order: query.order, limit: query.limit },
      cursor: query.cursor ?? null,
    });
    return { traces: items.map(toTraceSummary), nextCursor, unsearched };
  }

  async readTrace(projectId: string, traceId: string, query: QueryOf<'getTrace'>): Promise<TraceDetail> {
    const cursor = query.cursor ?? null;
    const stored = await this.#store.readTrace({ projectId, traceId, limit: query.limit, cursor });
    if (!stored) throw new LoomError('not_found', 'there is no trace with this id in this project');
    const contents =
      query.content === 'inline' ? await this.#content.readContents(stored.spans, inlineLimits) : [];
    return {
      trace: { traceId: stored.traceId, startTime: toInstant(stored.startTime) },
      spans: stored.spans.map((span, index) => toSpan(span, contents[index] ?? contentLeftOut)),
      nextCursor: stored.nextCursor,
    };
  }

  async readOutline(projectId: string, traceId: string): Promise<TraceOutline> {
    const stored = await this.#store.traceOutline({ projectId, traceId });
    if (!stored) throw new LoomError('not_found', 'there is no trace with this id in this project');
    return toTraceOutline(stored);
  }

  async readSpan(projectId: string, spanId: string, query: QueryOf<'getSpan'>): Promise<Span> {
    const span = await this.#spanOf(projectId, spanId);
    const limits = query.content === 'whole' ? wholeLimits : inlineLimits;
    const [content = contentLeftOut] = await this.#content.readContents([span], limits);
    return toSpan(span, content);
  }

  async readChunks(projectId: string, spanId: string): Promise<SpanChunks> {
    const span = await this.#spanOf(projectId, spanId);
    const vector = (await this.#store.readChunks({ projectId, spanId })) ?? { atMicros: [], lengths: [] };
    const { bytes, state } =
      span.responseLength > inlineBytesMax
        ? { bytes: null, state: 'omitted' as const }
        : await this.#content.readBytes(span, 'response');
    const decoder = new TextDecoder();
    let offset = 0;
    const chunks = vector.lengths.map((length, index) => {
      const slice = bytes?.subarray(offset, offset + length);
      offset += length;
      const text = slice ? decoder.decode(slice, { stream: true }) : null;
      return { index, atMs: (vector.atMicros[index] ?? 0) / 1000, bytes: length, text };
    });
    return { spanId, chunks, contentState: state };
  }

  /** The recorded bytes; `not_found` when nothing was recorded. */
  async readRaw(projectId: string, spanId: string, part: PayloadPart): Promise<Buffer> {
    const span = await this.#spanOf(projectId, spanId);
    const { bytes, state } = await this.#content.readBytes(span, part);
    if (bytes) return bytes;
    if (state === 'sealed')
      throw new LoomError('unsupported', `the ${part} is encrypted and its key is not here`);
    throw new LoomError('not_found', `this span has no recorded ${part}`);
  }

  async listCallsInFlight(
    projectId: string,
    query: QueryOf<'listCallsInFlight'>,
  ): Promise<{ calls: CallInFlight[] }> {
    const range = toClosedRange(query, hourMs, this.#now() + 60_000); // clocks of gateways may be ahead
    const rows = await this.#store.callsInFlight({ projectId, ...range, limit: query.limit });
    return { calls: rows.map(toCallInFlight) };
  }

  async #spanOf(projectId: string, spanId: string): Promise<StoredSpan> {
    const span = await this.#store.readSpan({ projectId, spanId });
    if (!span) throw new LoomError('not_found', 'there is no span with this id in this project');
    return span;
  }
}

function searchesText(filter: Filter): boolean {
  if ('and' in filter) return filter.and.some(searchesText);
  if ('or' in filter) return filter.or.some(searchesText);
  return 'not' in filter ? searchesText(filter.not) : filter.field === 'text';
}
