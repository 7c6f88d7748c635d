import { connect } from 'node:net';

const answerMsMax = 1_000;

/** Sends bytes to a port of loopback and gives the first bytes of the answer; null when there is none in a second. */
export function askServer(port: number, request: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answer: Buffer | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(answerMsMax, () => end(null));
    socket.once('error', () => end(null));
    socket.once('close', () => end(null));
    socket.once('data', end);
    socket.once('connect', () => socket.write(request));
  });
}
