import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { isLoomError, LoomError, messageOf } from '@loom/errors';
import { ChdbEngine, type ChdbLimits, type ChdbResult } from './chdb-engine.ts';
import { readStatement } from './statement.ts';
import { Turnstile } from './turnstile.ts';

export interface ClickHouseServer {
  readonly port: number;
  /** Takes no more calls, waits for the running ones, then closes the engine. */
  close(): Promise<void>;
}

export interface ClickHouseServerOptions {
  readonly directory: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** As the server's own `http_max_uri_size`: query parameters travel in the URL. */
const uriBytesMax = 1024 * 1024;
const bodyBytesMax = 256 * 1024 * 1024;

const headersMs = 10_000;
const checkMs = 1_000;
const connectionsMax = 1024;
/** Longer than clients keep an idle connection, also on a busy machine: none may be closed as its next request comes. */
const keepAliveMs = 120_000;

const limits: ChdbLimits = {
  concurrencyMax: 8,
  queueMax: 256,
  executionSecondsMax: 60,
  statementBytesMax: 2 * 1024 ** 3,
  resultBytesMax: 256 * 1024 * 1024,
};

/** Serves the part of ClickHouse's HTTP interface that its own client uses, over chDB, on loopback only. */
export async function openClickHouseServer(options: ClickHouseServerOptions): Promise<ClickHouseServer> {
  const engine = await ChdbEngine.open(options.directory, limits);
  const turnstile = new Turnstile({ runningMax: limits.concurrencyMax, waitingMax: limits.queueMax });
  const limited = {
    maxHeaderSize: uriBytesMax,
    headersTimeout: headersMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkMs,
  };
  const server = createServer(limited, (request, response) => {
    answer(request, response, { engine, turnstile, options }).catch((error: unknown) => {
      sendError(response, error);
    });
  });
  server.maxConnections = connectionsMax;
  server.requestTimeout = 0; // a queued insert may wait longer than Node's default for the whole request
  await listen(server, options.port);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeIdleConnections();
      await new Promise((resolve) => server.close(resolve));
      engine.close();
    },
  };
}

interface Context {
  readonly engine: ChdbEngine;
  readonly turnstile: Turnstile;
  readonly options: ClickHouseServerOptions;
}

async function answer(request: IncomingMessage, response: ServerResponse, context: Context): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (url.pathname === '/ping') return void response.end('Ok.\n');
  if (!isAuthorized(request, url, context.options)) {
    throw new LoomError('unauthenticated', 'authentication failed: user or password is wrong');
  }
  const body = await readBody(request);
  const statement = readStatement(url, body);
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  const result = await context.turnstile.pass(abort.signal, () =>
    context.engine.run(statement, body, abort.signal),
  );
  sendResult(response, result, statement.queryId);
}

function isAuthorized(request: IncomingMessage, url: URL, options: ClickHouseServerOptions): boolean {
  const [user, password] = readCredentials(request, url);
  return isSame(user, options.user) && isSame(password, options.password);
}

function readCredentials(request: IncomingMessage, url: URL): [user: string, password: string] {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const text = Buffer.from(basic, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    return [text.slice(0, colon), text.slice(colon + 1)];
  }
  const header = (name: string) => String(request.headers[name] ?? '');
  return [
    header('x-clickhouse-user') || (url.searchParams.get('user') ?? ''),
    header('x-clickhouse-key') || (url.searchParams.get('password') ?? ''),
  ];
}

function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyBytesMax) throw new LoomError('payload_too_large', `body over ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return body;
  if (encoding === 'gzip') return promisify(gunzip)(body, { maxOutputLength: bodyBytesMax });
  throw new LoomError('unsupported', `content-encoding ${encoding}; send gzip or none`);
}

function sendResult(response: ServerResponse, result: ChdbResult, queryId: string | null): void {
  const summary = { written_rows: String(result.writtenRows), elapsed_ns: String(result.elapsedNanos) };
  response.writeHead(200, {
    'content-type': 'text/plain; charset=UTF-8',
    'content-length': result.bytes.length,
    'x-clickhouse-summary': JSON.stringify(summary),
    ...(queryId !== null && { 'x-clickhouse-query-id': queryId }),
  });
  response.end(result.bytes);
}

/** ClickHouse's numbers for what this server turns away before the engine sees it. */
const exceptionOf: Record<string, [code: number, name: string]> = {
  unauthenticated: [516, 'AUTHENTICATION_FAILED'],
  overloaded: [202, 'TOO_MANY_SIMULTANEOUS_QUERIES'],
  payload_too_large: [307, 'TOO_MANY_BYTES'],
  unsupported: [48, 'NOT_IMPLEMENTED'],
  invalid_request: [36, 'BAD_ARGUMENTS'],
};

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const [own, name] = (isLoomError(error) && exceptionOf[error.code]) || [1002, 'UNKNOWN_EXCEPTION'];
  const engineCode = (error as { clickhouseCode?: unknown }).clickhouseCode;
  const code = typeof engineCode === 'number' ? engineCode : own;
  const text = messageOf(error);
  const body = text.startsWith('Code: ') ? text : `Code: ${code}. DB::Exception: ${text}. (${name})`;
  response.writeHead(isLoomError(error) ? error.status : statusOf(code), {
    'content-type': 'text/plain; charset=UTF-8',
    'x-clickhouse-exception-code': String(code),
    connection: 'close',
  });
  response.end(`${body}\n`);
}

function statusOf(code: number): number {
  if (code === 60 || code === 81) return 404; // unknown table, unknown database
  if (code === 62 || code === 27 || code === 117) return 400; // syntax, rows that can not be parsed
  return 500;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}
