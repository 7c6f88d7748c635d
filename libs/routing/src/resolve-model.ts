import { LoomError } from '@loom/errors';
import type { ProviderRecord, RouteSettings, RouteTarget } from '@loom/trace-schema';
import type { ControlSnapshot } from './control-snapshot.ts';

export interface Target {
  readonly provider: ProviderRecord;
  /** The model's name as the provider knows it. */
  readonly model: string;
}

/** The ways that a call may take: balanced targets, then fallbacks in their order. */
export interface Route {
  /** The alias that it belongs to; null for a model that was named directly. */
  readonly name: string | null;
  /** At least one. */
  readonly targets: readonly (Target & { readonly weight: number })[];
  readonly fallbacks: readonly Target[];
  /** Tries of the same target after its first failure. */
  readonly retries: number;
  readonly fallbackOn: readonly RouteSettings['fallbackOn'][number][];
  readonly timeouts: RouteSettings['timeouts'];
}

const plain = { fallbacks: [], retries: 0, fallbackOn: [], timeouts: {} } as const;

/**
 * The route of a model name: that of its alias, with the targets that are gone or disabled left out; else the one
 * target that the name leads to. Throws `not_found` with reason `model_not_found`.
 */
export function resolveRoute(
  snapshot: ControlSnapshot,
  caller: { readonly organizationId: string; readonly projectId: string },
  model: string,
): Route {
  const alias = snapshot.alias(caller.projectId, model);
  const settings = alias?.route;
  if (!alias || !settings)
    return { ...plain, name: null, targets: [{ ...resolveModel(snapshot, caller, model), weight: 1 }] };
  const providers = snapshot.providers(caller.organizationId);
  const targetOf = (target: RouteTarget): Target[] => {
    const provider = providers.find((found) => found.name === target.provider);
    return provider?.enabled ? [{ provider, model: target.model }] : [];
  };
  const own = { provider: alias.provider, model: alias.model, weight: settings.weight };
  const targets = [own, ...settings.balance].flatMap((target) =>
    targetOf(target).map((found) => ({ ...found, weight: target.weight })),
  );
  const fallbacks = settings.fallbacks.flatMap(targetOf);
  const [first, ...rest] =
    targets.length > 0 ? targets : fallbacks.map((target) => ({ ...target, weight: 1 }));
  if (!first) throw notFound(`route "${model}" has no provider that is there and enabled`);
  const { retries, fallbackOn, timeouts } = settings;
  return targets.length > 0
    ? { name: model, targets, fallbacks, retries, fallbackOn, timeouts }
    : { name: model, targets: [first], fallbacks: rest, retries, fallbackOn, timeouts };
}

/**
 * Where a model name leads: an alias of the project; else, if its first segment is a configured provider,
 * `provider/model`; else a bare name (slashes allowed) that a provider says it serves, or that the only provider gets.
 * Throws `not_found` with reason `model_not_found`.
 */
export function resolveModel(
  snapshot: ControlSnapshot,
  caller: { readonly organizationId: string; readonly projectId: string },
  model: string,
): Target {
  const providers = snapshot.providers(caller.organizationId);
  const alias = snapshot.alias(caller.projectId, model);
  if (alias) {
    const provider = providers.find((found) => found.name === alias.provider);
    if (provider?.enabled) return { provider, model: alias.model };
    throw notFound(
      `alias "${model}" leads to provider "${alias.provider}", which is ${provider ? 'disabled' : 'gone'}`,
    );
  }
  const slash = model.indexOf('/');
  const named = slash > 0 ? providerNamed(providers, model.slice(0, slash)) : undefined;
  if (named && slash + 1 < model.length) {
    if (named.enabled) return { provider: named, model: model.slice(slash + 1) };
    throw notFound(`provider "${named.name}" of model "${model}" is disabled`);
  }
  const enabled = providers.filter((found) => found.enabled);
  const provider = bestMatch(enabled, model) ?? onlyOne(enabled);
  if (provider) return { provider, model };
  throw notFound(
    `the model "${model}" does not exist here: no alias, provider or model pattern matches it; ` +
      `configured providers: ${enabled.map((found) => found.name).join(', ') || 'none'}`,
  );
}

/** In any case, but one of exactly this name goes first. */
function providerNamed(providers: readonly ProviderRecord[], name: string): ProviderRecord | undefined {
  const lower = name.toLowerCase();
  return (
    providers.find((found) => found.name === name) ??
    providers.find((found) => found.name.toLowerCase() === lower)
  );
}

function bestMatch(providers: readonly ProviderRecord[], model: string): ProviderRecord | undefined {
  let best: { provider: ProviderRecord; score: number } | undefined;
  for (const provider of providers) {
    for (const pattern of provider.models) {
      const score = matchScore(pattern, model);
      if (score > (best?.score ?? 0)) best = { provider, score };
    }
  }
  return best?.provider;
}

// An exact name beats every pattern, a longer prefix a shorter one.
function matchScore(pattern: string, model: string): number {
  if (pattern === model) return Number.MAX_SAFE_INTEGER;
  if (!pattern.endsWith('*')) return 0;
  const prefix = pattern.slice(0, -1);
  return model.startsWith(prefix) ? prefix.length + 1 : 0;
}

function onlyOne(providers: readonly ProviderRecord[]): ProviderRecord | undefined {
  const real = providers.filter((found) => found.kind !== 'sim');
  return real.length === 1 ? real[0] : undefined;
}

function notFound(message: string): LoomError {
  return new LoomError('not_found', message, { param: 'model', reason: 'model_not_found' });
}
