import { LoomError, messageOf } from '@loom/errors';
import { readModelRequest, requestWithoutBody } from '@loom/providers';
import type { Call } from '../call.ts';
import type { GatewayMiddleware } from '../middleware.ts';
import { type BodyLimits, readBody } from '../read-body.ts';
import type { StoredResponseCall } from '../stored-responses.ts';

const labelBytesMax = 512;
const metadataBytesMax = 4096;
const metadataEntriesMax = 32;

/** Reads the body and the caller's labels, once. */
export function readRequest(limits: BodyLimits): GatewayMiddleware {
  return {
    name: 'read-request',
    handle: async (call, next) => {
      const body = call.stored ? Buffer.alloc(0) : await readBody(call.request, limits);
      call.sessionId = label(call, 'x-loom-session-id');
      call.userId = label(call, 'x-loom-user-id');
      call.metadata = metadataOf(call);
      call.modelRequest = call.stored
        ? requestWithoutBody({ stream: isStreamWanted(call.stored) })
        : readModelRequest(body, call.dialectOrThrow.shape);
      call.userId ??= call.modelRequest.endUser;
      await next();
    },
  };
}

// A stored response may be read as the stream that it was.
function isStreamWanted({ pathAndQuery }: StoredResponseCall): boolean {
  return /[?&]stream=true(?:&|$)/.test(pathAndQuery);
}

function label(call: Call, name: string): string | null {
  const value = utf8Of(call.request.headers[name]);
  if (value === undefined || value === '') return null;
  if (typeof value !== 'string' || value.length > labelBytesMax) {
    throw new LoomError('invalid_request', `header ${name} is longer than ${labelBytesMax} characters`, {
      param: name,
    });
  }
  return value;
}

// Node reads header bytes as Latin-1; clients send UTF-8.
function utf8Of(value: string | string[] | undefined): string | string[] | undefined {
  if (typeof value !== 'string' || /^[\x20-\x7e]*$/.test(value)) return value;
  const text = Buffer.from(value, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? value : text;
}

function metadataOf(call: Call): Record<string, string> {
  const name = 'x-loom-metadata';
  const text = utf8Of(call.request.headers[name]);
  if (text === undefined || text === '') return {};
  const invalid = (why: string) =>
    new LoomError(
      'invalid_request',
      `header ${name} ${why}; send a flat JSON object of strings, numbers or booleans`,
      {
        param: name,
      },
    );
  if (typeof text !== 'string' || text.length > metadataBytesMax)
    throw invalid(`is longer than ${metadataBytesMax} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`is not JSON (${messageOf(error).slice(0, 100)})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('is not an object');
  const entries = Object.entries(value);
  if (entries.length > metadataEntriesMax) throw invalid(`has more than ${metadataEntriesMax} entries`);
  return Object.fromEntries(
    entries.map(([key, entry]): [string, string] => {
      if (typeof entry === 'object' && entry !== null) throw invalid(`has a nested value at "${key}"`);
      const written = String(entry);
      if (key.length > 64 || written.length > labelBytesMax)
        throw invalid(`has an entry that is too long at "${key.slice(0, 64)}"`);
      return [key, written];
    }),
  );
}
