import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { addressNetwork } from './address-network.ts';

export interface ConnectionTableOptions {
  readonly connectionsMax: number;
  readonly perAddressMax: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Connection {
  readonly neighbours: Set<Socket>;
  /** The request whose headers have come; null while the next one is waited for. */
  exchange: Exchange | null;
}

/**
 * The open connections of a server. When there are too many, of all or of one address, the one goes that the server has
 * waited for longest: it is idle, or its request has not come whole. Only when every connection is being answered the
 * newcomer goes. So half-sent requests keep nobody out, and no answer that is under way is lost to them.
 */
export class ConnectionTable {
  readonly #options: ConnectionTableOptions;
  /** In the order of the moments from which they are waited for; so are the sets of neighbours. */
  readonly #connections = new Map<Socket, Connection>();
  readonly #byNetwork = new Map<string, Set<Socket>>();

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Takes a new connection in, or closes it when there is no room for it. */
  add(socket: Socket): void {
    const network = addressNetwork(socket.remoteAddress ?? '');
    const neighbours = this.#byNetwork.get(network) ?? new Set<Socket>();
    const { connectionsMax, perAddressMax } = this.#options;
    const hasRoom =
      (neighbours.size < perAddressMax || this.#closeOneOf(neighbours)) &&
      (this.#connections.size < connectionsMax || this.#closeOneOf(this.#connections.keys()));
    if (!hasRoom) return void socket.destroy();
    this.#byNetwork.set(network, neighbours);
    this.#put(socket, { neighbours, exchange: null });
    socket.once('close', () => {
      this.#remove(socket);
      if (neighbours.size === 0 && this.#byNetwork.get(network) === neighbours)
        this.#byNetwork.delete(network);
    });
  }

  /** The headers of a request have come. */
  begin(socket: Socket, exchange: Exchange): void {
    const connection = this.#connections.get(socket);
    if (!connection) return;
    connection.exchange = exchange;
    exchange.response.once('close', () => {
      if (connection.exchange !== exchange || !this.#connections.has(socket)) return;
      this.#remove(socket);
      this.#put(socket, { ...connection, exchange: null });
    });
  }

  /** True when a whole request has come and its answer is not over. */
  isBeingAnswered(socket: Socket): boolean {
    return this.#connections.get(socket)?.exchange?.request.complete ?? false;
  }

  /** True when a part of an answer was written, so that no other answer can be. */
  hasBegunToAnswer(socket: Socket): boolean {
    return this.#connections.get(socket)?.exchange?.response.headersSent ?? false;
  }

  #closeOneOf(sockets: Iterable<Socket>): boolean {
    for (const socket of sockets) {
      if (this.isBeingAnswered(socket)) continue;
      this.#remove(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  #put(socket: Socket, connection: Connection): void {
    this.#connections.set(socket, connection);
    connection.neighbours.add(socket);
  }

  #remove(socket: Socket): void {
    this.#connections.get(socket)?.neighbours.delete(socket);
    this.#connections.delete(socket);
  }
}
