import type { LoomError } from '@loom/errors';
import type { Dialect } from '@loom/providers';
import type { CallError } from '@loom/trace-schema';
import { anthropicError, anthropicErrorType } from './anthropic-errors.ts';
import { openAiError } from './openai-errors.ts';

/** An error of Loom's own as the body of an answer, in the caller's dialect. */
export function errorBody(dialect: Dialect | null, error: LoomError, requestId: string): object {
  return dialect?.errors === 'anthropic' ? anthropicError(error, requestId) : openAiError(error);
}

/** Where a stream stands when it breaks. */
export interface StreamPlace {
  readonly requestId: string;
  /** The number that its next event has, in dialects that number them. */
  readonly sequence: number;
}

/** The same as the last event of a stream that breaks. Nothing follows it: no `[DONE]`, no `message_stop`. */
export function errorEvent(dialect: Dialect, error: LoomError, place: StreamPlace): string {
  switch (dialect.streamErrors) {
    case 'openai-chat':
      return `data: ${JSON.stringify(openAiError(error))}\n\n`;
    case 'openai-responses':
      return responsesErrorEvent(openAiError(error).error, place);
    case 'anthropic':
      return `event: error\ndata: ${JSON.stringify(anthropicError(error, place.requestId))}\n\n`;
  }
}

/** A provider's error as the body of an answer, in the dialect of a caller that is not the provider's. */
export function providerErrorBody(
  dialect: Dialect,
  {
    status,
    error,
    requestId,
  }: { readonly status: number; readonly error: CallError; readonly requestId: string },
): object {
  if (dialect.errors === 'anthropic') {
    const type = anthropicErrorType(status);
    return { type: 'error', error: { type, message: error.message }, request_id: requestId };
  }
  return { error: { message: error.message, type: error.type, param: null, code: error.code } };
}

/** A provider's error in mid-stream, as the last event. */
export function providerErrorEvent(dialect: Dialect, error: CallError, place: StreamPlace): string {
  const body = providerErrorBody(dialect, { status: 502, error, requestId: place.requestId });
  switch (dialect.streamErrors) {
    case 'openai-chat':
      return `data: ${JSON.stringify(body)}\n\n`;
    case 'openai-responses':
      return responsesErrorEvent(
        { type: error.type, message: error.message, code: error.code ?? error.type, param: null },
        place,
      );
    case 'anthropic':
      return `event: error\ndata: ${JSON.stringify(body)}\n\n`;
  }
}

/*
 * OpenAI's documentation has the members of the error at the top; its service sends them below `error`. Both are there, so
 * that every client finds them.
 */
function responsesErrorEvent(
  error: Readonly<Record<'type' | 'message' | 'code' | 'param', string | null>>,
  { sequence }: StreamPlace,
): string {
  const { type: _type, ...members } = error;
  const event = { type: 'error', sequence_number: sequence, ...members, error };
  return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
}
