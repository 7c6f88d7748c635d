import {
  type Attributes,
  context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';

/** Null while no telemetry is exported: then the functions here look at it and do nothing else. */
let tracer: Tracer | null = null;

/** From now on spans are made; null ends that. */
export function useTracer(made: Tracer | null): void {
  tracer = made;
}

/** Whether spans are made: where describing a request would cost more than this question. */
export function isTracing(): boolean {
  return tracer !== null;
}

/** The span of one HTTP request that Loom serves. */
export interface RequestSpan {
  /** W3C trace context of the span, for the events that the request brings about. */
  readonly traceparent: string;
  /** Log lines of what runs inside carry the span's ids. */
  run<Result>(work: () => Result): Result;
  /** Called once. `errorType` only when Loom or what it depends on failed: then the span is an error. */
  end(result: RequestEnd): void;
}

export interface RequestEnd {
  /** HTTP status handed to the client; 0 when none was. */
  readonly status: number;
  readonly errorType?: string | undefined;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface RequestStart {
  readonly method: string;
  /** The path as the route table has it, without ids; '' when it is no route. */
  readonly route: string;
  /** The client's own `traceparent`. Its trace is linked and never joined: nobody outside decides what is sampled. */
  readonly caller?: string | undefined;
}

/** Null when the request is not traced. */
export function startRequestSpan({ method, route, caller }: RequestStart): RequestSpan | null {
  if (!tracer) return null;
  const linked = contextOf(caller);
  const span = tracer.startSpan(
    route === '' ? method : `${method} ${route}`,
    {
      kind: SpanKind.SERVER,
      attributes: { 'http.request.method': method, ...(route === '' ? {} : { 'http.route': route }) },
      links: linked ? [{ context: linked }] : [],
    },
    ROOT_CONTEXT,
  );
  if (!span.isRecording()) return null;
  const inside = trace.setSpan(ROOT_CONTEXT, span);
  return {
    traceparent: traceparentOf(span.spanContext()),
    run: (work) => context.with(inside, work),
    end: ({ status, errorType, attributes }) => {
      if (status > 0) span.setAttribute('http.response.status_code', status);
      if (attributes) span.setAttributes(attributes);
      if (errorType !== undefined) fail(span, errorType);
      span.end();
    },
  };
}

export interface BatchSpanOptions {
  /** What is done with the batch, e.g. `process` or `forward`. */
  readonly operation: string;
  readonly topic: string;
  readonly group: string;
  readonly records: readonly { readonly headers: Readonly<Record<string, string>> }[];
}

/** Requests that a batch's span is linked to; how many there were stands in its attributes. */
const linksMax = 128;

/**
 * Does the work on a batch of events inside a span of its own that is linked to the requests which the events come
 * from. A batch has many causes and so is a child of none.
 */
export async function withBatchSpan<Result>(
  options: BatchSpanOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!tracer) return work();
  const { operation, topic, group, records } = options;
  const causes = new Set<string>();
  for (const { headers } of records) {
    const { ce_traceparent: cause } = headers;
    if (cause !== undefined) causes.add(cause);
  }
  const span = tracer.startSpan(
    `${operation} ${topic}`,
    {
      kind: SpanKind.CONSUMER,
      attributes: {
        'messaging.operation.name': operation,
        'messaging.destination.name': topic,
        'messaging.consumer.group.name': group,
        'messaging.batch.message_count': records.length,
        'loom.batch.requests': causes.size,
      },
      links: linksTo(causes),
    },
    ROOT_CONTEXT,
  );
  try {
    return await context.with(trace.setSpan(ROOT_CONTEXT, span), work);
  } catch (error) {
    fail(span, error instanceof Error ? error.name : 'error');
    throw error;
  } finally {
    span.end();
  }
}

/** The ids of the span that runs now, as fields of a log line. */
export function activeSpanFields(): { trace_id?: string; span_id?: string } {
  const active = tracer ? trace.getActiveSpan()?.spanContext() : undefined;
  return active ? { trace_id: active.traceId, span_id: active.spanId } : {};
}

function fail(span: Span, errorType: string): void {
  const attributes: Attributes = { 'error.type': errorType };
  span.setAttributes(attributes).setStatus({ code: SpanStatusCode.ERROR });
}

function linksTo(causes: ReadonlySet<string>): Link[] {
  const links: Link[] = [];
  for (const cause of causes) {
    const linked = contextOf(cause);
    if (linked) links.push({ context: linked });
    if (links.length === linksMax) break;
  }
  return links;
}

// version "-" trace-id "-" parent-id "-" trace-flags, of https://www.w3.org/TR/trace-context/
const traceparentGrammar = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;

function contextOf(traceparent: string | undefined): SpanContext | null {
  const [, traceId = '', spanId = '', flags = '00'] = traceparentGrammar.exec(traceparent ?? '') ?? [];
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED };
  return isSpanContextValid(found) ? { ...found, isRemote: true } : null;
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`;
}
