import type { Span } from '@loom/api-contract';
import type { RowFacts } from '@loom/ledger/verify';

type Shown = Partial<Record<keyof Span, unknown>>;

/** Members of a span that are shown and are not what the facts of its row say, which were sealed. */
export function otherMembers(facts: RowFacts, span: Span): string[] {
  const expected = spanOfFacts(facts);
  return Object.entries(expected).flatMap(([member, value]) =>
    stableText(value) === stableText(span[member as keyof Span]) ? [] : [member],
  );
}

/** What the API shows of a call, as far as the facts of its row decide it. Empty facts are left out of these. */
function spanOfFacts(facts: RowFacts): Shown {
  const text = (name: string) => (facts[name] as string | undefined) ?? '';
  const orNull = (name: string) => (text(name) === '' ? null : text(name));
  const number = (name: string) => (facts[name] as number | undefined) ?? 0;
  const list = (name: string) => (facts[name] as readonly Attempt[] | undefined) ?? [];
  const milliseconds = (name: string) => number(name) / 1e6;
  const names = ['traceId', 'spanId', 'callId', 'operation', 'dialect', 'provider', 'providerKind', 'requestModel', 'routedModel', 'outcome', 'capture', 'usageSource', 'requestHash', 'keyId'] as const; // prettier-ignore
  const optional = ['parentSpanId', 'wire', 'route', 'cache', 'responseModel', 'responseId', 'serviceTier', 'systemFingerprint', 'responseHash', 'userId', 'sessionId', 'environment', 'release', 'agentName', 'agentVersion', 'workflowName', 'promptName', 'promptVersion'] as const; // prettier-ignore
  const parameters = Object.entries((facts['parameters'] as Record<string, string> | undefined) ?? {});
  const [name, arm, seed, unit] = [text('rolloutName'), text('rolloutArm'), text('rolloutSeed'), text('rolloutUnit')]; // prettier-ignore
  return {
    ...Object.fromEntries(names.map((member) => [member, text(member)])),
    ...Object.fromEntries(optional.map((member) => [member, orNull(member)])),
    ...{ dropped: list('dropped'), lostFacts: list('lostFacts'), finishReasons: list('finishReasons') },
    ...{ links: list('links'), metadata: facts['metadata'] ?? {} },
    ...{ status: number('status'), streamed: facts['stream'] === true },
    ...{ requestBytes: number('requestLength'), responseBytes: number('responseLength') },
    ...{ deliveredBytes: number('deliveredBytes'), usageConsistent: facts['usageConsistent'] === true },
    timing: {
      startTime: instantOf(text('startTime')),
      durationMs: milliseconds('durationNanos'),
      timeToFirstChunkMs:
        facts['timeToFirstChunkNanos'] === null ? null : milliseconds('timeToFirstChunkNanos'),
      gatewayOverheadMs: milliseconds('gatewayOverheadNanos'),
    },
    requestParameters: Object.fromEntries(
      parameters.map(([key, value]) => [key, JSON.parse(value) as unknown]),
    ),
    buckets: text('usageSource') === 'none' ? null : bucketsOf(number),
    usage: text('usageSource') === 'none' ? null : usageOf(number, facts['usageDetails']),
    error:
      text('errorType') === ''
        ? null
        : { type: text('errorType'), message: text('errorMessage'), code: orNull('errorCode') },
    attempts: list('attempts').map(attemptOf),
    rollout: name === '' ? null : { name, arm, seed, unit },
  };
}

const buckets = ['inputUncached', 'cacheRead', 'cacheWrite', 'inputAudio', 'outputText', 'reasoning', 'outputAudio'] as const; // prettier-ignore

function bucketsOf(number: (name: string) => number): Record<string, number> {
  return Object.fromEntries(buckets.map((bucket) => [bucket, number(`${bucket}Tokens`)]));
}

/** Inclusive, as the API has it. */
function usageOf(number: (name: string) => number, details: unknown): object {
  const of = (bucket: string) => number(`${bucket}Tokens`);
  const inputTokens = of('inputUncached') + of('cacheRead') + of('cacheWrite') + of('inputAudio');
  const outputTokens = of('outputText') + of('reasoning') + of('outputAudio');
  return {
    ...{ inputTokens, cacheReadInputTokens: of('cacheRead'), cacheWriteInputTokens: of('cacheWrite') },
    ...{ inputAudioTokens: of('inputAudio'), outputTokens, reasoningOutputTokens: of('reasoning') },
    ...{ outputAudioTokens: of('outputAudio'), totalTokens: inputTokens + outputTokens },
    ...(details === undefined ? {} : { details }),
  };
}

interface Attempt {
  readonly startTime: string;
  readonly durationNanos: number;
  readonly reason?: string;
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number } | null;
}

function attemptOf(attempt: Attempt): object {
  const { startTime, durationNanos, reason = null, usage = null, ...rest } = attempt;
  const { spanId, provider, model, status, error } = rest as Record<string, unknown>;
  return {
    ...{ spanId, provider, model, status, error, reason },
    ...{ startTime: instantOf(startTime), durationMs: durationNanos / 1e6 },
    usage: usage && { ...usage, totalTokens: usage.inputTokens + usage.outputTokens },
  };
}

/** Unix nanoseconds as the API gives them: to the microsecond. */
function instantOf(nanos: string): string {
  const [seconds, micros] = [nanos.slice(0, -9), nanos.slice(-9, -3)];
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${micros}Z`;
}

/** The same text for the same value, whatever the order of its members. */
function stableText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  if (Array.isArray(value)) return `[${value.map(stableText).join()}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${stableText(member)}`).join()}}`;
}
