import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ConnectionTable } from './connection-table.ts';
import { faultOf, methodsHeader, parserFault, type RequestFault } from './request-faults.ts';

export interface ConnectionLimits {
  /** Open connections. Never more than half of the files that the process may open. */
  readonly connectionsMax: number;
  /** Of them from one address (IPv6: from one network of 64 bits). */
  readonly perAddressMax: number;
  /** Until a request must have come whole, its body with it; 0: the application sees to bodies itself. Milliseconds. */
  readonly requestMs: number;
  /** Until the headers of a request must have come. Milliseconds. */
  readonly headersMs?: number;
  /** A client that takes nothing of its answer for so long is gone. Milliseconds. */
  readonly stallMs?: number;
}

export interface LimitedServerOptions extends ConnectionLimits {
  readonly onRequest: RequestListener;
  /** The JSON body of an answer to a request that no application sees. */
  readonly faultBody: (fault: RequestFault) => object;
}

const headersMsDefault = 10_000;
const stallMsDefault = 60_000;
const keepAliveMs = 65_000;
/** How often the times are looked at, and so by how much they may be exceeded. Milliseconds. */
const checkMs = 1_000;

/**
 * An HTTP server that bounds what a client without a credential can hold: connections, of all and of one address, and the
 * time that a request takes to come. It refuses `TRACE`, two `Host` headers, and what is not HTTP.
 */
export function createLimitedServer(options: LimitedServerOptions): Server {
  const { onRequest, faultBody, requestMs, headersMs = headersMsDefault, stallMs = stallMsDefault } = options;
  const connectionsMax = Math.min(options.connectionsMax, Math.floor(filesMax() / 2));
  const perAddressMax = Math.min(options.perAddressMax, connectionsMax);
  const connections = new ConnectionTable({ connectionsMax, perAddressMax });
  const times = { headersTimeout: headersMs, requestTimeout: requestMs, keepAliveTimeout: keepAliveMs };
  const server = createServer({ ...times, connectionsCheckingInterval: checkMs }, (request, response) => {
    connections.begin(request.socket, { request, response });
    const fault = faultOf(request);
    if (!fault) return onRequest(request, response);
    response.writeHead(fault.status, { ...headersOf(fault), connection: 'close' });
    response.end(JSON.stringify(faultBody(fault)));
  });
  server.on('connection', (socket) => connections.add(socket));
  server.setTimeout(stallMs, (socket: Socket) => {
    const isOurTurn = connections.isBeingAnswered(socket) && socket.writableLength === 0;
    if (isOurTurn) socket.setTimeout(stallMs);
    else socket.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Half of an answer is no place for another one.
    if (error.code === 'ECONNRESET' || !socket.writable || connections.hasBegunToAnswer(socket))
      socket.destroy();
    else refuse(socket, parserFault(error.code), faultBody);
  });
  return server;
}

function headersOf({ status }: RequestFault): Record<string, string> {
  return { 'content-type': 'application/json', ...(status === 405 ? methodsHeader : {}) };
}

function refuse(socket: Socket, fault: RequestFault, faultBody: LimitedServerOptions['faultBody']): void {
  const body = JSON.stringify(faultBody(fault));
  const headers = { connection: 'close', ...headersOf(fault), 'content-length': Buffer.byteLength(body) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.write(
    `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
  );
  socket.destroySoon(); // the client may never close its half
}

/** How many files, sockets among them, this process may have open; Infinity where that is not limited. */
function filesMax(): number {
  const report = process.report as typeof process.report & { excludeNetwork: boolean };
  report.excludeNetwork = true; // it would look up names
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Infinity;
}
