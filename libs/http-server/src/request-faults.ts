import type { IncomingMessage } from 'node:http';

/** Why a request is answered before any application sees it. */
export interface RequestFault {
  readonly status: 400 | 405 | 408 | 431;
  readonly message: string;
}

const allowedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** What Node's parser lets through and no application of ours shall see. */
export function faultOf({ method, rawHeaders }: IncomingMessage): RequestFault | null {
  if (method === 'TRACE' || method === 'TRACK')
    return { status: 405, message: `${method} is not allowed; use ${allowedMethods}` };
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  return hosts.length > 1 ? { status: 400, message: 'the request has more than one host header' } : null;
}

/** What Node's parser refuses, by the code of its error. */
export function parserFault(code: string | undefined): RequestFault {
  if (code === 'HPE_HEADER_OVERFLOW')
    return { status: 431, message: 'the request headers are larger than 16 KiB' };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, message: 'the request came too slowly; send it whole' };
  return { status: 400, message: `the request is not valid HTTP (${code ?? 'unknown fault'})` };
}

export const methodsHeader = { allow: allowedMethods } as const;
