import { checkDemand, checkKey, checkPut, checkRenewal, checkSettlement } from '../../check-demand.ts';
import {
  type CounterStore,
  type Demand,
  type Grant,
  type PutOptions,
  type Renewal,
  type Settlement,
  stepsPerPeriod,
} from '../../counter-store.ts';
import { RedisConnection } from './redis-connection.ts';

/** Counters in one Redis, by one script per operation and its `TIME`. Every key ends by itself. */
export async function openRedisCounterStore(url: URL): Promise<CounterStore> {
  return new RedisCounterStore(await RedisConnection.open(url));
}

class RedisCounterStore implements CounterStore {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async reserve(demand: Demand): Promise<Grant> {
    checkDemand(demand);
    const { windows, slots, leaseMs, settleMs } = demand;
    const answer = await this.#connection.run('reserve', keysOf(demand), [
      ...[holderOf(demand), slots ?? 0, leaseMs, settleMs, stepsPerPeriod],
      ...windows.flatMap(({ limit, periodMs, amount, estimated, name }) => {
        return [limit, periodMs, amount, estimated ? 1 : 0, name];
      }),
    ]);
    const [granted = 0, refusedBy = 0, waitMs = -1, ...states] = answer as number[];
    return {
      granted: granted === 1,
      refusedBy: granted === 1 ? null : (windows[refusedBy - 1]?.name ?? 'slots'),
      retryAfterMs: granted === 1 || waitMs < 0 ? null : waitMs,
      windows: windows.map(({ name, limit }, index) => {
        const [used = 0, resetMs = 0] = states.slice(2 * index);
        return { name, limit, remaining: Math.max(0, limit - used), resetMs };
      }),
    };
  }

  async settle(settlement: Settlement): Promise<boolean> {
    checkSettlement(settlement);
    const answer = await this.#connection.run('settle', keysOf(settlement), [
      ...[holderOf(settlement), stepsPerPeriod],
      ...settlement.windows.flatMap(({ name, periodMs, amount }) => [name, periodMs, amount]),
    ]);
    return answer === 1;
  }

  async renew(renewal: Renewal): Promise<void> {
    checkRenewal(renewal);
    const { scope, owner, ids, leaseMs } = renewal;
    // A script takes about 8,000 arguments.
    for (let at = 0; at < ids.length; at += 5_000) {
      const holders = ids.slice(at, at + 5_000).map((id) => holderOf({ owner, id }));
      await this.#connection.run('renew', [slotsKeyOf(scope)], [leaseMs, ...holders]);
    }
  }

  async put(key: string, value: Buffer, options: PutOptions): Promise<boolean> {
    checkPut(key, value, options);
    return this.#connection.put(valueKeyOf(key), value, options);
  }

  async get(key: string): Promise<Buffer | null> {
    checkKey(key);
    return this.#connection.get(valueKeyOf(key));
  }

  ping(): Promise<void> {
    return this.#connection.ping();
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }
}

type Held = Pick<Demand, 'scope' | 'id' | 'owner'>;

const holderOf = ({ owner, id }: Omit<Held, 'scope'>) => `${owner}/${id}`;
const valueKeyOf = (key: string) => `loom:value:${key}`;
const slotsKeyOf = (scope: string) => `loom:{${scope}}:slots`;

// The braces keep all keys of a scope in one slot of a cluster.
function keysOf({
  windows,
  ...held
}: Held & { readonly windows: readonly { readonly name: string }[] }): string[] {
  return [
    ...windows.map(({ name }) => `loom:{${held.scope}}:window:${name}`),
    slotsKeyOf(held.scope),
    `loom:{${held.scope}}:reserved:${holderOf(held)}`,
  ];
}
