import { LoomError } from '@loom/errors';
import { readModelRequest, requestWithoutBody } from '@loom/providers';
import type { Call } from '../call.ts';
import { passingHeaders } from '../headers.ts';
import type { GatewayMiddleware } from '../middleware.ts';
import { type BodyLimits, readBody } from '../read-body.ts';
import { type MetadataPolicy, readMetadata } from '../read-metadata.ts';
import type { StoredResponseCall } from '../stored-responses.ts';

const labelBytesMax = 512;

export interface ReadRequestOptions extends BodyLimits {
  /** What happens to a metadata header of another shape. */
  readonly metadata: MetadataPolicy;
}

/** Reads the body and the caller's labels, once. */
export function readRequest(options: ReadRequestOptions): GatewayMiddleware {
  return {
    name: 'read-request',
    handle: async (call, next) => {
      const body = call.stored ? Buffer.alloc(0) : await readBody(call.request, options);
      call.sessionId = label(call, 'x-loom-session-id');
      call.userId = label(call, 'x-loom-user-id');
      call.metadata = readMetadata(utf8Of(call.request.headers['x-loom-metadata']), options.metadata);
      call.modelRequest = call.stored
        ? requestWithoutBody({ stream: isStreamWanted(call.stored) })
        : readModelRequest(body, call.dialectOrThrow.shape, call.pathRequest);
      call.userId ??= call.modelRequest.endUser;
      call.passingHeaders = passingHeaders(call.request.headers);
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
