import type { LoomError } from '@loom/errors';
import { type Dialect, isContextOverflow, type ProviderError, statusOfError } from '@loom/providers';
import { anthropicError, anthropicErrorType } from './anthropic-errors.ts';
import { googleError, googleProviderError } from './google-errors.ts';
import { openAiError } from './openai-errors.ts';

/** An error of Loom's own as the body of an answer, in the style of an API. */
export function errorBody(style: Dialect['errors'], error: LoomError, requestId: string): object {
  switch (style) {
    case 'openai':
      return openAiError(error);
    case 'anthropic':
      return anthropicError(error, requestId);
    case 'google':
      return googleError(error);
  }
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
    case 'google':
      return googleEvent(googleError(error));
  }
}

/** A provider's error as the body of an answer, in the dialect of a caller that is not the provider's. */
export function providerErrorBody(
  dialect: Dialect,
  {
    status,
    error,
    requestId,
  }: { readonly status: number; readonly error: ProviderError; readonly requestId: string },
): object {
  if (dialect.errors === 'anthropic') {
    const type = anthropicErrorType(status);
    return { type: 'error', error: { type, message: anthropicMessage(error) }, request_id: requestId };
  }
  if (dialect.errors === 'google') return googleProviderError(status, error);
  const { message, type, param = null } = error;
  return { error: { message, type, param, code: openAiCode(error) } };
}

// What clients of each dialect know a request by that is longer than the model can read.
function openAiCode(error: ProviderError): string | null {
  return isContextOverflow(error) ? 'context_length_exceeded' : error.code;
}

function anthropicMessage(error: ProviderError): string {
  const known = 'prompt is too long';
  return isContextOverflow(error) && !error.message.includes(known)
    ? `${known}: ${error.message}`
    : error.message;
}

/** A provider's error in mid-stream, as the last event. */
export function providerErrorEvent(dialect: Dialect, error: ProviderError, place: StreamPlace): string {
  const body = providerErrorBody(dialect, {
    status: statusOfError(error),
    error,
    requestId: place.requestId,
  });
  switch (dialect.streamErrors) {
    case 'openai-chat':
      return `data: ${JSON.stringify(body)}\n\n`;
    case 'openai-responses':
      return responsesErrorEvent(
        {
          ...{ type: error.type, message: error.message, param: error.param ?? null },
          code: openAiCode(error) ?? error.type,
        },
        place,
      );
    case 'anthropic':
      return `event: error\ndata: ${JSON.stringify(body)}\n\n`;
    case 'google':
      return googleEvent(body);
  }
}

// An error in a stream has no name of its own; @google/genai finds it by its member `error`.
function googleEvent(error: object): string {
  return `data: ${JSON.stringify(error)}\r\n\r\n`;
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
