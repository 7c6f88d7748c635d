import { isLoomError, LoomError } from '@loom/errors';
import {
  AttemptPlan,
  type Breakers,
  type ControlSnapshot,
  type PlannedAttempt,
  resolveRoute,
  type Route,
  type Target,
} from '@loom/routing';
import { type Call, known } from '../call.ts';
import type { CredentialReader } from '../credentials.ts';
import type { Authorizer } from '../forward/authorizer.ts';
import { type AttemptSource, prepareAttempt, type PreparedAttempt } from '../forward/prepare-attempt.ts';
import type { GatewayMiddleware } from '../middleware.ts';
import type { StoredItem, StoredItems } from '../stored-items.ts';
import { previousResponseTarget, type StoredResponses } from '../stored-responses.ts';

export interface RouteOptions {
  readonly snapshot: ControlSnapshot;
  readonly credentials: CredentialReader;
  readonly authorizer: Authorizer;
  readonly breakers: Breakers;
  readonly storedResponses: StoredResponses;
  readonly storedItems: StoredItems;
  /** For parts of a request that a provider cannot be told, unless the request says otherwise. */
  readonly unsupported: 'refuse' | 'drop';
}

/** Finds the ways that a call may go, and makes the first request: what cannot go anywhere is refused here. */
export function route(options: RouteOptions): GatewayMiddleware {
  const keys = new KeyRotation();
  const withoutUsageOption = new Set<string>();
  return {
    name: 'route',
    handle: async (call, next) => {
      const items = await itemsOf(call, options);
      const { route: found, keyIndex } = await findRoute(call, items, options);
      const { authorizer, breakers, credentials } = options;
      const plan = new AttemptPlan(found, {
        breakers,
        keysOf: ({ provider }) => credentials.keysOf(provider),
        firstKeyOf: ({ provider }) => keyIndex ?? keys.next(provider.id, credentials.keysOf(provider)),
        nowMs: () => performance.now(),
        random: Math.random,
        withoutFallbacks: call.request.headers['x-loom-fallbacks'] === 'off',
      });
      const source = { ...sourceOf(call, found, options.unsupported), withoutUsageOption, items };
      const first = await firstAttempt(plan, (planned) => prepareAttempt(source, planned, authorizer));
      call.target = first.planned.target;
      call.routed = { route: found, plan, source, ...first };
      await next();
    },
  };
}

/** Spreads calls over the keys of a provider. */
class KeyRotation {
  readonly #next = new Map<string, number>();

  next(providerId: string, keys: number): number {
    if (keys === 1) return 0;
    const index = (this.#next.get(providerId) ?? 0) % keys;
    this.#next.set(providerId, index + 1);
    return index;
  }
}

interface FoundRoute {
  readonly route: Route;
  /** The provider's key that must be used; null: any. */
  readonly keyIndex: number | null;
}

type Items = ReadonlyMap<string, StoredItem>;

async function itemsOf({ key, modelRequest }: Call, { storedItems }: RouteOptions): Promise<Items> {
  const { itemReferences } = known(modelRequest, 'modelRequest');
  return itemReferences.length === 0
    ? new Map()
    : storedItems.find(known(key, 'key').projectId, itemReferences);
}

// A call about a stored response, or one that continues one, goes where the response is, and nowhere else.
async function findRoute(call: Call, items: Items, options: RouteOptions): Promise<FoundRoute> {
  const { snapshot, storedResponses } = options;
  const key = known(call.key, 'key');
  const request = known(call.modelRequest, 'modelRequest');
  const responseId = call.stored?.responseId ?? request.previousResponseId;
  const resolved = call.stored ? null : resolveRoute(snapshot, key, request.model);
  if (responseId === null) return atHolderOfItems(known(resolved, 'route'), items);
  const owner = await storedResponses.find(key.projectId, responseId);
  if (!owner && resolved && (await isOfItsOnlyProvider(resolved, responseId, storedResponses)))
    return { route: resolved, keyIndex: null };
  const target = owner && previousResponseTarget(snapshot, key, owner);
  if (!owner || !target) {
    const param = call.stored ? 'response_id' : 'previous_response_id';
    throw new LoomError('not_found', `response with id "${responseId.slice(0, 100)}" not found`, {
      ...{ param, reason: 'response_not_found' },
    });
  }
  const model = resolved ? modelAtHolder(resolved, target) : target.model;
  return { route: only({ ...target, model }, resolved), keyIndex: owner.keyIndex };
}

// A response that was not made through Loom can only be where the call goes anyway. One that another project made is
// nobody else's.
async function isOfItsOnlyProvider(
  { targets, fallbacks }: Route,
  responseId: string,
  storedResponses: StoredResponses,
): Promise<boolean> {
  const [first, ...others] = [...targets, ...fallbacks];
  if (!first || others.some(({ provider }) => provider.id !== first.provider.id)) return false;
  return !(await storedResponses.wasSeen(first, responseId));
}

// Items that a provider holds are named to that one, where the call may go there at all.
function atHolderOfItems(route: Route, items: Items): FoundRoute {
  for (const { heldBy } of items.values()) {
    const way = [...route.targets, ...route.fallbacks].find(
      ({ provider }) => provider.id === heldBy?.providerId,
    );
    if (heldBy && way) return { route: only(way, route), keyIndex: heldBy.keyIndex };
  }
  return { route, keyIndex: null };
}

function only(target: Target, resolved: Route | null): Route {
  return {
    ...{ name: null, targets: [{ ...target, weight: 1 }], fallbacks: [], retries: 0, fallbackOn: [] },
    timeouts: resolved?.timeouts ?? {},
  };
}

/** What the caller's model is called where the response is held. Throws when it is no model of such a provider. */
function modelAtHolder({ targets, fallbacks }: Route, { provider: holder }: Target): string {
  const ways = [...targets, ...fallbacks];
  const found =
    ways.find(({ provider }) => provider.id === holder.id) ??
    ways.find(({ provider }) => provider.kind === holder.kind);
  if (found) return found.model;
  throw new LoomError(
    'invalid_request',
    `the response is held by provider "${holder.name}", which does not serve this model; ` +
      'ask for a model of that provider, or send the whole conversation',
    { param: 'previous_response_id', reason: 'response_held_elsewhere' },
  );
}

function sourceOf(
  call: Call,
  { timeouts }: Route,
  unsupported: 'refuse' | 'drop',
): Omit<AttemptSource, 'withoutUsageOption' | 'items'> {
  const said = call.request.headers['x-loom-unsupported'];
  return {
    ...{
      dialect: call.dialectOrThrow,
      request: known(call.modelRequest, 'modelRequest'),
      stored: call.stored,
    },
    ...{ headers: call.passingHeaders, timeouts },
    unsupported: said === 'drop' || said === 'refuse' ? said : unsupported,
  };
}

// The first target that can be asked at all; when there is none, the first one's reason is the refusal.
async function firstAttempt(
  plan: AttemptPlan,
  prepare: (planned: PlannedAttempt) => Promise<PreparedAttempt>,
): Promise<{ planned: PlannedAttempt; prepared: PreparedAttempt }> {
  let planned: PlannedAttempt | null = plan.first();
  let refusal: unknown = null;
  while (planned) {
    try {
      return { planned, prepared: await prepare(planned) };
    } catch (thrown) {
      refusal ??= thrown;
      if (!isLoomError(thrown) || thrown.code === 'invalid_request') throw thrown;
      planned = plan.next({ kind: 'model_not_found' });
    }
  }
  throw refusal;
}
