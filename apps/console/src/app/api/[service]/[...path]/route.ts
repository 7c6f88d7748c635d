import { projectHeader } from '@loom/api-contract';
import type { NextRequest } from 'next/server';
import { own } from '../../../../format/own.ts';
import { serviceUrls } from '../../../../config.ts';

/**
 * The browser's way to query and control: one origin, the console's. Nothing is decided here; requests and answers
 * pass with the headers named below, bodies and live streams as they come, and what the browser breaks off is broken
 * off behind.
 */
const requestHeaders = [
  'accept',
  'content-type',
  'cookie',
  'origin',
  'sec-fetch-site',
  'user-agent',
  'x-forwarded-for',
  projectHeader,
];
const answerHeaders = ['content-type', 'content-disposition', 'retry-after', 'x-content-type-options'];

async function forward(
  request: NextRequest,
  { params }: RouteContext<'/api/[service]/[...path]'>,
): Promise<Response> {
  const { service } = await params;
  const base = own(serviceUrls, service);
  const target = base === undefined ? null : targetOf(base, service, request.nextUrl);
  if (!target) return problem(404, 'not_found', 'there is nothing here');
  try {
    const answer = await fetch(target, {
      method: request.method,
      headers: headersFor(request),
      body: request.body,
      redirect: 'manual',
      cache: 'no-store',
      signal: request.signal,
      // @ts-expect-error: undici needs it for a streamed body, the DOM's types do not know it
      duplex: 'half',
    });
    return new Response(answer.body, { status: answer.status, headers: headersOf(answer) });
  } catch {
    if (request.signal.aborted) return new Response(null, { status: 499 });
    return problem(502, 'unavailable', `the ${service} service does not answer; it may be restarting`);
  }
}

/** The service's address of a path of its API; null for anything else: metrics and health are not the browser's. */
function targetOf(base: string, service: string, { pathname, search }: URL): URL | null {
  const prefix = `/api/${service}/`;
  if (!pathname.startsWith(prefix)) return null; // the service's name was written in another way
  const target = new URL(`${base}/${pathname.slice(prefix.length)}${search}`);
  const isApi = target.pathname.startsWith('/v1/') || target.pathname === '/openapi.json';
  return isApi && target.origin === new URL(base).origin ? target : null;
}

function headersFor(request: NextRequest): Headers {
  const headers = new Headers();
  for (const name of requestHeaders) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  // A browser cannot send these across origins; a proxy in front may have set them.
  headers.set(
    'x-forwarded-host',
    request.headers.get('x-forwarded-host') ?? request.headers.get('host') ?? '',
  );
  headers.set('x-forwarded-proto', request.headers.get('x-forwarded-proto') ?? 'http');
  return headers;
}

function headersOf(answer: Response): Headers {
  const headers = new Headers({ 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' });
  for (const name of answerHeaders) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  for (const cookie of answer.headers.getSetCookie()) headers.append('set-cookie', cookie);
  return headers;
}

function problem(status: number, code: string, message: string): Response {
  return Response.json({ error: { code, message } }, { status, headers: { 'cache-control': 'no-store' } });
}

export { forward as DELETE, forward as GET, forward as PATCH, forward as POST };
