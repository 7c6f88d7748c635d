import type { LiveEvent, Span, SpanChunks, TraceDetail, TraceSummary } from '@loom/api-contract';
import { indent, milliseconds, oneLine, safeText, toTable } from './terminal-text.ts';

const contentCharsMax = 20_000;

export function formatTraces(traces: readonly TraceSummary[]): string {
  if (traces.length === 0)
    return 'No traces. (Nothing recorded yet, or nothing matches the filter and the range.)';
  const header = ['TRACE', 'STARTED', 'STATUS', 'MODEL', 'TOKENS', 'COST', 'TOOK', 'INPUT'];
  const rows = traces.map(({ traceId, startTime, costState, totalTokens, totalUsd, durationMs, span }) => [
    traceId,
    startTime.slice(0, 19).replace('T', ' '),
    span.outcome === 'completed' ? String(span.status) : `${span.outcome} ${span.status}`,
    oneLine(span.responseModel ?? span.requestModel, 40),
    String(totalTokens),
    totalUsd !== null && (costState === 'priced' || costState === 'partial')
      ? `$${totalUsd}${costState === 'partial' ? ' (partial)' : ''}`
      : costState,
    milliseconds(durationMs),
    oneLine(span.inputPreview, 60),
  ]);
  return toTable([header, ...rows]);
}

/** A trace for a person: what was asked and answered, tokens, cost and the price used, times, chunks. */
export function formatTrace({ trace, spans }: TraceDetail, chunks: ReadonlyMap<string, SpanChunks>): string {
  const title = `Trace ${trace.traceId} · ${spans.length} span${spans.length === 1 ? '' : 's'} · ${trace.startTime}`;
  return [title, ...spans.map((span) => formatSpan(span, chunks.get(span.spanId)))].join('\n\n');
}

function formatSpan(span: Span, chunks: SpanChunks | undefined): string {
  const isOther = span.responseModel !== null && span.responseModel !== span.requestModel;
  const model = isOther ? `${span.requestModel} → ${span.responseModel}` : span.requestModel;
  const sections: [string, string][] = [
    ['times', timesOf(span)],
    ['who', whoOf(span)],
    ['asked', contentOf(span.requestState, requestText(span.request))],
    ['answered', contentOf(span.responseState, responseText(span.response))],
    ['error', span.error ? safeText(`${span.error.type}: ${span.error.message}`) : ''],
    ['tokens', tokensOf(span)],
    ['cost', costOf(span)],
    ['chunks', chunks ? chunksOf(span, chunks) : ''],
  ];
  const title = oneLine(`${span.operation} ${model} at ${span.provider}`, 200);
  const lines = sections.filter(([, text]) => text !== '').map(([name, text]) => section(name, text));
  return [`${title} · ${span.outcome}, HTTP ${span.status} · span ${span.spanId}`, ...lines].join('\n');
}

function section(name: string, text: string): string {
  const body = indent(text, ' '.repeat(12)).trimStart();
  return `  ${name.padEnd(10)}${body}`;
}

function timesOf({ timing, streamed }: Span): string {
  const first =
    timing.timeToFirstChunkMs === null
      ? ''
      : `, first chunk after ${milliseconds(timing.timeToFirstChunkMs)}`;
  const added = `, Loom added ${milliseconds(timing.gatewayOverheadMs)}`;
  return `${timing.startTime}, took ${milliseconds(timing.durationMs)}${first}${added}${streamed ? ', streamed' : ''}`;
}

function whoOf(span: Span): string {
  const facts = {
    key: span.keyId,
    user: span.userId,
    session: span.sessionId,
    environment: span.environment,
    release: span.release,
  };
  const known = Object.entries({ ...facts, ...span.metadata }).filter(
    ([, value]) => value !== null && value !== '',
  );
  return known.map(([name, value]) => `${oneLine(name, 60)} ${oneLine(value ?? '', 120)}`).join(', ');
}

function contentOf(state: Span['requestState'], text: string): string {
  if (state === 'complete') return text;
  return state === 'truncated' ? `${text}\n(cut at the capture limit)` : `(${state})`;
}

interface Message {
  readonly role?: unknown;
  readonly content?: unknown;
  readonly tool_calls?: unknown;
}

function requestText(request: unknown): string {
  const messages = (request as { messages?: unknown } | null)?.messages;
  return Array.isArray(messages)
    ? messages.map((message) => messageText(message as Message)).join('\n')
    : plain(request);
}

function responseText(response: unknown): string {
  const choices = (response as { choices?: unknown } | null)?.choices;
  if (!Array.isArray(choices)) return plain(response);
  return choices.map((choice: { message?: Message }) => messageText(choice.message ?? {})).join('\n');
}

function messageText({ role, content, tool_calls: toolCalls }: Message): string {
  const parts = [content, toolCalls].filter((part) => part !== undefined && part !== null).map(plain);
  return `${typeof role === 'string' ? oneLine(role, 20) : 'message'}: ${parts.join('\n')}`;
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return '(nothing)';
  const text = safeText(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  return text.length > contentCharsMax
    ? `${text.slice(0, contentCharsMax)}…\n(more: --json shows all)`
    : text;
}

function tokensOf({ usage, usageSource, usageConsistent }: Span): string {
  if (!usage) return 'not known';
  const parts = (counts: Record<string, number>) => {
    const present = Object.entries(counts).filter(([, count]) => count > 0);
    return present.length === 0 ? '' : ` (${present.map(([name, count]) => `${count} ${name}`).join(', ')})`;
  };
  const input = parts({
    'read from cache': usage.cacheReadInputTokens,
    'written to cache': usage.cacheWriteInputTokens,
    audio: usage.inputAudioTokens,
  });
  const output = parts({ reasoning: usage.reasoningOutputTokens, audio: usage.outputAudioTokens });
  const flags = `${usageSource === 'estimated' ? ' (estimated)' : ''}${usageConsistent ? '' : ' (the parts exceed the whole)'}`;
  return `${usage.inputTokens} in${input}, ${usage.outputTokens} out${output}, ${usage.totalTokens} in all${flags}`;
}

function costOf({ cost, costState, costReason }: Span): string {
  if (!cost) return costReason ? `${costState}: ${safeText(costReason)}` : costState;
  const lines = cost.lines.map((line) => [
    `  ${line.bucket}`,
    String(line.quantity),
    `× $${line.pricePerMillionUsd} per million`,
    `= $${line.usd}${line.pricedAs ? ` (at the price of ${line.pricedAs})` : ''}`,
  ]);
  const price = oneLine(`${cost.priceId}, tier ${cost.tier}, price book ${cost.priceBookVersion}`, 200);
  return [
    cost.source === 'reported'
      ? `$${cost.totalUsd} (reported by the provider)`
      : `$${cost.totalUsd}${costState === 'partial' ? ' (partial)' : ''}${cost.estimated ? ' (estimated)' : ''} by ${price}`,
    ...(cost.missing.length > 0 ? [`  no price: ${oneLine(cost.missing.join(', '), 200)}`] : []),
    ...(cost.reported !== null && cost.source !== 'reported'
      ? [`  reported by the provider: $${cost.reported}`]
      : []),
    ...(lines.length > 0 ? [toTable(lines)] : []),
  ].join('\n');
}

function chunksOf(span: Span, { chunks }: SpanChunks): string {
  const [first, last] = [chunks[0], chunks.at(-1)];
  if (!first || !last) return 'none';
  const times = `first after ${milliseconds(first.atMs)}, last after ${milliseconds(last.atMs)}`;
  return `${chunks.length}, ${span.responseBytes} bytes of which ${span.deliveredBytes} were delivered, ${times}`;
}

/** One line of the live tail. */
export function formatLiveEvent(event: LiveEvent): string {
  const time = event.time.slice(11, 23);
  if (event.type === 'events.dropped')
    return `${time}  … ${event.count} events left out: this reader was too slow`;
  const id = event.traceId.slice(0, 8);
  switch (event.type) {
    case 'call.accepted':
      return `${time}  ${id}  →  ${oneLine(`${event.provider}/${event.requestModel}  ${event.inputPreview}`, 120)}`;
    case 'call.first-chunk':
      return `${time}  ${id}  …  answering (${event.status})`;
    case 'call.ended':
      return `${time}  ${id}  ■  ${event.outcome} ${event.status} in ${milliseconds(event.durationMs)}, ${event.usage?.totalTokens ?? '?'} tokens`;
    case 'call.refused':
      return `${time}  ${id}  ✗  ${oneLine(`refused ${event.status}: ${event.error.message}`, 120)}`;
    case 'cost.computed':
      return `${time}  ${id}  $  ${event.state === 'unpriced' ? `unpriced: ${oneLine(event.reason, 60)}` : `$${event.totalUsd}${event.state === 'partial' ? ' (partial)' : ''}`}`;
  }
}
