import { fileURLToPath } from 'node:url';
import { createLimitedServer, listenFault } from '@loom/http-server';
import next from 'next';

/**
 * The console as a process: serves the built application and tells the parent over IPC when it is ready. Its
 * environment: LOOM_CONSOLE_HOST, LOOM_CONSOLE_PORT (0: any free one), LOOM_QUERY_URL, LOOM_CONTROL_URL. It holds no
 * secret and no database.
 */
const host = process.env.LOOM_CONSOLE_HOST ?? '127.0.0.1';
const port = portOf(process.env.LOOM_CONSOLE_PORT || '3000');
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
server.on('error', (error) =>
  fail(listenFault(error, { host, port, variables: 'LOOM_CONSOLE' }) ?? error.message),
);
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

function portOf(text) {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  return fail(`LOOM_CONSOLE_PORT: expected 0 to 65535, not ${JSON.stringify(text)}`);
}

/** To the parent, or to standard error where there is none. */
function fail(message) {
  if (process.send) process.send({ failed: message }, () => process.exit(1));
  else {
    process.stderr.write(`console did not start: ${message}\n`);
    process.exit(1);
  }
}
