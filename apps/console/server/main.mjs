import { fileURLToPath } from 'node:url';
import { createLimitedServer } from '@loom/http-server';
import next from 'next';

/**
 * The console as a process: serves the built application and tells the parent over IPC when it is ready. Its
 * environment: LOOM_CONSOLE_HOST, LOOM_CONSOLE_PORT (0: any free one), LOOM_QUERY_URL, LOOM_CONTROL_URL. It holds no
 * secret and no database.
 */
const host = process.env.LOOM_CONSOLE_HOST ?? '127.0.0.1';
const port = Number(process.env.LOOM_CONSOLE_PORT ?? 3000);
const closeDeadlineMs = 5_000;
/** One connection each to query or control besides: theirs have room for twice as many of one address. */
const connectionsMax = 1024;

const faultCodes = {
  ...{ 400: 'invalid_request', 405: 'method_not_allowed' },
  ...{ 408: 'request_timed_out', 431: 'invalid_request' },
};

for (const name of ['LOOM_QUERY_URL', 'LOOM_CONTROL_URL']) {
  if (!URL.canParse(process.env[name] ?? ''))
    fail(`${name} is missing or no URL: the address of that service`);
}

let handle = answerLater;
const server = createLimitedServer({
  ...{ connectionsMax, perAddressMax: connectionsMax / 2, requestMs: 30_000 },
  onRequest: (request, response) => void handle(request, response),
  faultBody: ({ status, message }) => ({ error: { code: faultCodes[status], message } }),
});
server.on('error', (error) => fail(error.message));
server.listen(port, host, () => void start().catch((error) => fail(error.message)));

async function start() {
  const address = server.address();
  const dir = fileURLToPath(new URL('..', import.meta.url));
  const app = next({ dev: false, dir, hostname: host, port: address.port });
  await app.prepare();
  const serve = app.getRequestHandler();
  handle = (request, response) => {
    // The last address is the one that is certain: whoever spoke to this process.
    const before = request.headers['x-forwarded-for'];
    const address = request.socket.remoteAddress ?? '';
    request.headers['x-forwarded-for'] = before ? `${before}, ${address}` : address;
    return serve(request, response);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (process.channel) process.on('disconnect', stop);
  process.send?.({ ready: true, url: `http://${host}:${address.port}` });
}

/** Until the pages can be served: an answer at once, instead of a connection that hangs. */
function answerLater(_request, response) {
  response.writeHead(503, {
    'content-type': 'application/json',
    'retry-after': '1',
    'cache-control': 'no-store',
  });
  response.end('{"error":{"code":"unavailable","message":"the console is starting; try again in a second"}}');
}

function stop() {
  setTimeout(() => process.exit(0), closeDeadlineMs).unref();
  server.close(() => process.exit(0));
  server.closeAllConnections();
}

function fail(message) {
  process.stderr.write(`console: ${message}\n`);
  process.exit(1);
}
