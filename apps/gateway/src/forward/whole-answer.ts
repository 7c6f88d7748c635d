import type { IncomingHttpHeaders } from 'node:http';
import { LoomError } from '@loom/errors';
import { type AnswerContext, type AnswerForm, wireOf } from '@loom/providers';
import type { PreparedAttempt } from './prepare-attempt.ts';

/** An answer that was held until it was whole, as the caller gets it. */
export interface WholeAnswer {
  readonly bytes: Buffer;
  readonly headers: IncomingHttpHeaders;
  /** Whether it is a stream now. */
  readonly streamed: boolean;
}

/** What the provider sent. */
interface HeldBody {
  readonly body: Buffer;
  readonly form: AnswerForm;
  readonly headers: IncomingHttpHeaders;
}

/**
 * A whole answer in the caller's dialect, and as the stream or the one body that it asked for, whichever the provider
 * sent. Bytes that are that already stay as they are. Throws `upstream_failed` for what is no answer of its API.
 */
export function answerForCaller(
  prepared: PreparedAttempt,
  { body, form, headers }: HeldBody,
  context: AnswerContext,
): WholeAnswer {
  const { pair } = prepared;
  const wire = wireOf(prepared.wire);
  if (form === 'stream') {
    const one = pair ? pair.assemble(body, true, context) : wire.assemble(body, true);
    if (!one) throw malformed('a stream that cannot be put together');
    return asBody(Buffer.from(JSON.stringify(one)), headers);
  }
  const { includeUsage } = context;
  if (prepared.stream && pair) return asStream(pair.writeAnswerAsStream(body, context), headers);
  if (prepared.stream && wire.bodyAsStream)
    return asStream(wire.bodyAsStream(recordOf(body), includeUsage), headers);
  if (pair) return asBody(pair.writeAnswer(body, context), headers);
  const isJson = /^application\/(?:[\w.-]+\+)?json/.test(headers['content-type'] ?? '');
  return asBody(body, headers, isJson ? headers['content-type'] : undefined);
}

function asBody(bytes: Buffer, headers: IncomingHttpHeaders, type = 'application/json'): WholeAnswer {
  const length = String(bytes.length);
  return { bytes, streamed: false, headers: { ...headers, 'content-type': type, 'content-length': length } };
}

function asStream(text: string, headers: IncomingHttpHeaders): WholeAnswer {
  const type = 'text/event-stream; charset=utf-8';
  return { bytes: Buffer.from(text), streamed: true, headers: { ...headers, 'content-type': type } };
}

function recordOf(body: Buffer): Readonly<Record<string, unknown>> {
  const text = body.toString('utf8').replace(/^\ufeff/, '');
  return JSON.parse(text) as Record<string, unknown>;
}

function malformed(what: string): LoomError {
  return new LoomError('upstream_failed', `the answer is ${what}`, { reason: 'malformed_answer' });
}
