import { timingSafeEqual } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { isLoomError, messageOf } from '@loom/errors';
import { PgliteBackend } from './pglite-backend.ts';
import {
  askForPassword,
  errorResponse,
  MessageReader,
  readPassword,
  refuseEncryption,
  startupCode,
  typeOf,
} from './wire.ts';

export interface PostgresServer {
  readonly port: number;
  close(): Promise<void>;
}

const connectionsMax = 50;

/** Whoever has not shown the password by then makes room. */
const passwordMsMax = 5_000;

/** A transaction without a message for so long is rolled back: everyone else waits for it. */
const idleTransactionMsMax = 30_000;

const dropLogEveryMs = 10 * 60_000;

/** Serves PostgreSQL's wire protocol (version 3, password, no encryption) over PGlite, on loopback only. */
export async function openPostgresServer(options: {
  directory: string;
  port: number;
  password: string;
}): Promise<PostgresServer> {
  const backend = await PgliteBackend.open(options.directory);
  const keeper = setInterval(() => void backend.dropLog().catch(() => undefined), dropLogEveryMs); // comes again
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    new Connection(socket, backend, options.password).start();
  });
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      clearInterval(keeper);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await backend.close();
    },
  };
}

class Connection {
  readonly #socket: Socket;
  readonly #backend: PgliteBackend;
  readonly #password: string;
  readonly #reader = new MessageReader();
  #startup: Buffer | null = null;
  #authenticated = false;
  #group: Buffer[] = [];
  #work: Promise<void> = Promise.resolve();

  constructor(socket: Socket, backend: PgliteBackend, password: string) {
    this.#socket = socket;
    this.#backend = backend;
    this.#password = password;
  }

  start(): void {
    const tooLate = setTimeout(() => {
      if (!this.#authenticated) this.#socket.destroy();
    }, passwordMsMax);
    this.#socket.once('close', () => clearTimeout(tooLate));
    this.#socket.on('data', (chunk: Buffer) => {
      this.#work = this.#work.then(() => this.#receive(chunk)).catch((error: unknown) => this.#fail(error));
    });
    this.#socket.once('close', () => {
      void this.#work.then(() => this.#backend.leave(this));
    });
    this.#socket.setTimeout(idleTransactionMsMax, () => {
      if (this.#backend.inTransaction(this)) this.#fail(new Error('the transaction was idle for too long'));
    });
  }

  async #receive(chunk: Buffer): Promise<void> {
    this.#reader.push(chunk);
    for (let message = this.#reader.next(); message; message = this.#reader.next()) {
      if (this.#socket.destroyed) return;
      if (!this.#startup) this.#receiveStartup(message);
      else if (!this.#authenticated) await this.#authenticate(message, this.#startup);
      else await this.#receiveMessage(message);
    }
  }

  #receiveStartup(message: Buffer): void {
    const code = message.readUInt32BE(4);
    if (code === startupCode.ssl || code === startupCode.gss) {
      this.#socket.write(refuseEncryption);
    } else if (code === startupCode.protocol3) {
      this.#startup = Buffer.from(message);
      this.#reader.markStarted();
      this.#socket.write(askForPassword);
    } else {
      this.#socket.destroy(); // a cancel request, which one backend can not serve, or an unknown protocol
    }
  }

  async #authenticate(message: Buffer, startup: Buffer): Promise<void> {
    const given = Buffer.from(readPassword(message) ?? '');
    const expected = Buffer.from(this.#password);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      this.#socket.end(errorResponse('28P01', 'password authentication failed'));
      return;
    }
    this.#authenticated = true;
    await this.#run(startup);
  }

  /** Messages are gathered up to the one that the backend answers with ReadyForQuery. */
  async #receiveMessage(message: Buffer): Promise<void> {
    const type = typeOf(message);
    if (type === 'X') return void this.#socket.end();
    this.#group.push(message);
    if (type !== 'S' && type !== 'Q') return;
    const group = Buffer.concat(this.#group);
    this.#group = [];
    await this.#run(group);
  }

  #run(messages: Buffer): Promise<void> {
    return this.#backend.run(this, messages, (bytes) => {
      if (this.#socket.writable) this.#socket.write(Buffer.from(bytes));
    });
  }

  #fail(error: unknown): void {
    const text = isLoomError(error) ? error.message : messageOf(error);
    this.#socket.end(errorResponse('XX000', text));
    this.#socket.destroySoon();
  }
}
