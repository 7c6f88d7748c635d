import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jsonAnswer, streamAnswer } from './chat-fixture.ts';

/* The instant upstream: answers at once; of a stream one chunk per turn of its event loop, each in a write of its own. */

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  let sent = 0;
  const next = (): void => {
    const chunk = streamAnswer[sent];
    sent += 1;
    if (!chunk) response.end();
    else {
      response.write(chunk);
      setImmediate(next);
    }
  };
  next();
}

const server = createServer((request, response) => {
  let streamed = false;
  request.on('data', (bytes: Buffer) => (streamed ||= bytes.includes('"stream":true')));
  request.on('end', () => {
    if (streamed) stream(response);
    else
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': jsonAnswer.length })
        .end(jsonAnswer);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ ready: true, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
