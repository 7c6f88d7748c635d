import type { ModelAlias } from '@loom/api-contract';

export type Route = NonNullable<ModelAlias['route']>;
export type FallbackReason = Route['fallbackOn'][number];
export type TimeoutName = keyof Route['timeouts'];

/** A row of the form; `key` keeps it the same row while others come and go. */
export interface DraftTarget {
  readonly key: number;
  readonly provider: string;
  readonly model: string;
  readonly weight: number;
}

/** An alias as a form holds it: the first of `balanced` is the alias's own target. */
export interface RouteDraft {
  readonly balanced: readonly DraftTarget[];
  readonly fallbacks: readonly DraftTarget[];
  readonly fallbackOn: readonly FallbackReason[];
  readonly retries: number;
  /** Seconds as they were typed; '' for the deployment's own. */
  readonly timeouts: Readonly<Record<TimeoutName, string>>;
}

export const fallbackReasons: Readonly<Record<FallbackReason, string>> = {
  error: 'it fails, in any way that is not the request’s own fault',
  context_window: 'the request is too long for it',
  content_policy: 'its content policy refuses the request',
};

export const timeoutNames: Readonly<Record<TimeoutName, string>> = {
  connectMs: 'Connect',
  firstChunkMs: 'First chunk',
  idleMs: 'Between chunks',
  totalMs: 'In all',
};

const plainFallbackOn: readonly FallbackReason[] = ['error', 'context_window'];
const timeoutKeys = Object.keys(timeoutNames) as TimeoutName[];
export const balancedMax = 17;
export const fallbacksMax = 8;

export function toDraft(alias: ModelAlias | null): RouteDraft {
  const route = alias?.route ?? null;
  const own = { provider: alias?.provider ?? '', model: alias?.model ?? '', weight: route?.weight ?? 1 };
  const rows = [own, ...(route?.balance ?? [])].map((target, key) => ({ key, ...target }));
  return {
    balanced: rows,
    fallbacks: (route?.fallbacks ?? []).map((target, key) => ({ key, ...target, weight: 1 })),
    fallbackOn: route?.fallbackOn ?? plainFallbackOn,
    retries: route?.retries ?? 0,
    timeouts: Object.fromEntries(
      timeoutKeys.map((name) => [name, secondsOf(route?.timeouts[name])]),
    ) as RouteDraft['timeouts'],
  };
}

/** What the form asks the service to keep; `route` is null when the alias is its one target and nothing else. */
export function fromDraft(draft: RouteDraft): Pick<ModelAlias, 'provider' | 'model' | 'route'> {
  const [own = { provider: '', model: '', weight: 1 }, ...others] = draft.balanced;
  const route: Route = {
    weight: others.length > 0 ? own.weight : 1,
    balance: others.map(({ provider, model, weight }) => ({ provider, model, weight })),
    fallbacks: draft.fallbacks.map(({ provider, model }) => ({ provider, model })),
    retries: draft.retries,
    fallbackOn: [...(draft.fallbacks.length > 0 ? draft.fallbackOn : plainFallbackOn)],
    timeouts: Object.fromEntries(
      timeoutKeys.flatMap((name) => {
        const typed = draft.timeouts[name].trim();
        return typed === '' ? [] : [[name, Math.round(Number(typed) * 1000)]];
      }),
    ),
  };
  const isPlain =
    others.length + route.fallbacks.length + route.retries + Object.keys(route.timeouts).length === 0;
  return { provider: own.provider, model: own.model, route: isPlain ? null : route };
}

/** A row that is none of those that are there. */
export function addTarget(targets: readonly DraftTarget[], provider: string): readonly DraftTarget[] {
  const key = Math.max(-1, ...targets.map(({ key }) => key)) + 1;
  return [...targets, { key, provider, model: '', weight: 1 }];
}

/** The rows with one a place earlier. */
export function moveUp(targets: readonly DraftTarget[], index: number): readonly DraftTarget[] {
  const [before, moved] = [targets[index - 1], targets[index]];
  return before && moved ? targets.with(index - 1, moved).with(index, before) : targets;
}

/** Each weight's share of all of them, in per cent. */
export function sharesOf(weights: readonly number[]): number[] {
  const sum = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (sum === 0 ? 0 : (weight / sum) * 100));
}

/** What a route says beside its targets, in words for one line. */
export function triesOf({ retries, timeouts, fallbacks, fallbackOn }: Route): string[] {
  const times = timeoutKeys.flatMap((name) => {
    const ms = timeouts[name];
    return ms === undefined ? [] : [`${timeoutNames[name].toLowerCase()} ${secondsOf(ms)} s`];
  });
  const extra = fallbacks.length > 0 && fallbackOn.includes('content_policy');
  return [
    ...(retries === 0 ? [] : [`${retries} ${retries === 1 ? 'retry' : 'retries'}`]),
    ...(extra ? ['falls back on content policy'] : []),
    ...(fallbacks.length > 0 && !fallbackOn.includes('error') ? ['not on errors'] : []),
    ...times,
  ];
}

function secondsOf(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : String(milliseconds / 1000);
}
