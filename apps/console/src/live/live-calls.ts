import type { LiveEvent } from '@loom/api-contract';

/** A call as the live tail knows it, from its first event to its cost. */
export interface LiveCall {
  readonly traceId: string;
  readonly spanId: string;
  readonly startTime: string;
  readonly phase: 'running' | 'streaming' | 'ended';
  readonly outcome: string;
  readonly status: number;
  readonly operation: string;
  readonly provider: string;
  readonly model: string;
  readonly keyId: string;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly inputPreview: string;
  readonly durationMs: number | null;
  readonly timeToFirstChunkMs: number | null;
  readonly totalTokens: number | null;
  readonly totalUsd: string | null;
  readonly errorType: string | null;
}

export interface LiveState {
  /** Newest first. */
  readonly calls: readonly LiveCall[];
  /** Events that the server left out, because this page was too slow. */
  readonly dropped: number;
}

export const callsMax = 500;
export const emptyLive: LiveState = { calls: [], dropped: 0 };

/** The state after one event. A call that is not known (its start was missed) begins with what the event says. */
export function takeEvent(state: LiveState, event: LiveEvent): LiveState {
  if (event.type === 'events.dropped') return { ...state, dropped: state.dropped + event.count };
  const known = state.calls.find(({ spanId }) => spanId === event.spanId);
  if (!known && event.type === 'cost.computed') return state; // its call has left the list
  const next = changed(known ?? begun(event), event);
  if (known) return { ...state, calls: state.calls.map((call) => (call === known ? next : call)) };
  return { ...state, calls: [next, ...state.calls].slice(0, callsMax) };
}

type CallEvent = Exclude<LiveEvent, { type: 'events.dropped' }>;

function begun({ traceId, spanId, time }: CallEvent): LiveCall {
  return {
    ...{
      traceId,
      spanId,
      startTime: time,
      phase: 'running',
      outcome: '',
      status: 0,
      operation: '',
      provider: '',
      model: '',
    },
    ...{
      keyId: '',
      userId: null,
      sessionId: null,
      inputPreview: '',
      durationMs: null,
      timeToFirstChunkMs: null,
    },
    ...{ totalTokens: null, totalUsd: null, errorType: null },
  };
}

function changed(call: LiveCall, event: CallEvent): LiveCall {
  switch (event.type) {
    case 'call.accepted': {
      const {
        startTime,
        operation,
        provider,
        requestModel: model,
        keyId,
        userId,
        sessionId,
        inputPreview,
      } = event;
      return { ...call, startTime, operation, provider, model, keyId, userId, sessionId, inputPreview };
    }
    case 'call.first-chunk':
      if (call.phase === 'ended') return call; // the end was heard first, or looked up
      return {
        ...call,
        phase: 'streaming',
        status: event.status,
        timeToFirstChunkMs: Date.parse(event.time) - Date.parse(call.startTime),
      };
    case 'call.ended': {
      const {
        outcome,
        status,
        operation,
        provider,
        keyId,
        userId,
        sessionId,
        durationMs,
        timeToFirstChunkMs,
      } = event;
      const model = event.responseModel ?? event.requestModel;
      const [totalTokens, errorType] = [event.usage?.totalTokens ?? null, event.error?.type ?? null];
      return {
        ...call,
        phase: 'ended',
        outcome,
        status,
        operation,
        provider,
        model,
        keyId,
        userId,
        sessionId,
        durationMs,
        timeToFirstChunkMs,
        totalTokens,
        errorType,
      };
    }
    case 'call.refused':
      return {
        ...call,
        phase: 'ended',
        outcome: 'refused',
        status: event.status,
        model: event.requestModel,
        keyId: event.keyId,
        errorType: event.error.type,
        durationMs: call.durationMs ?? 0,
      };
    case 'cost.computed':
      return { ...call, totalUsd: event.state === 'unpriced' ? call.totalUsd : event.totalUsd };
  }
}

const fields: Readonly<Record<string, (call: LiveCall) => string>> = {
  model: ({ model }) => model,
  provider: ({ provider }) => provider,
  operation: ({ operation }) => operation,
  outcome: ({ outcome, phase }) => (phase === 'ended' ? outcome : phase),
  status: ({ outcome, status }) =>
    `${outcome === 'completed' && status < 400 ? 'ok' : outcome === '' ? '' : 'error'} ${status}`,
  key: ({ keyId }) => keyId,
  user: ({ userId }) => userId ?? '',
  session: ({ sessionId }) => sessionId ?? '',
  error: ({ errorType }) => errorType ?? '',
};

/**
 * A filter of the live tail: `field:value` and words, all of which must be in the call; `-` before one turns it around.
 * A fault is told in words, with what would be right.
 */
export function parseLiveFilter(text: string): {
  readonly matches: (call: LiveCall) => boolean;
  readonly fault: string | null;
} {
  const tests: ((call: LiveCall) => boolean)[] = [];
  for (const term of text.trim().split(/\s+/).filter(Boolean)) {
    const negated = term.startsWith('-');
    const [name = '', value] = (negated ? term.slice(1) : term).split(/:(.*)/s);
    const read = value === undefined ? everything : Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!read)
      return {
        matches: () => true,
        fault: `There is no live field “${name}”. Known: ${Object.keys(fields).join(', ')}.`,
      };
    const wanted = (value ?? name).replaceAll(/^"|"$|\*/g, '').toLowerCase();
    tests.push((call) => read(call).toLowerCase().includes(wanted) !== negated);
  }
  return { matches: (call) => tests.every((test) => test(call)), fault: null };
}

function everything(call: LiveCall): string {
  return [...Object.values(fields).map((read) => read(call)), call.inputPreview, call.traceId].join(' ');
}
