import type { MetricsSummary } from '@loom/api-contract';
import { missingCosts } from '../ui/cost.tsx';
import { formatCompact, formatDuration, formatPercent, formatUsd } from '../format/numbers.ts';

type Group = MetricsSummary['groups'][number];

/** What an overview says of a time in one number each. Null: there is nothing to take it from. */
export interface Figure {
  readonly label: string;
  readonly hint: string;
  readonly value: (group: Group) => number | null;
  readonly format: (value: number) => string;
  /** Which way is worse; null where more is neither good nor bad. */
  readonly worse: 'up' | null;
  /** What the figure leaves out; null when it leaves out nothing. */
  readonly note?: (group: Group) => string | null;
  /** The traces behind it. */
  readonly filter: string;
}

export function totalTokens({ tokens }: Pick<Group, 'tokens'>): number {
  return Object.values(tokens).reduce((sum, count) => sum + count, 0);
}

function cachedShare({ tokens }: Group): number | null {
  const input = tokens.inputUncached + tokens.cacheRead + tokens.cacheWrite + tokens.inputAudio;
  return input === 0 ? null : tokens.cacheRead / input;
}

const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);

export const figures: readonly Figure[] = [
  {
    label: 'Requests',
    hint: 'Operations that ended in this time, each once however many attempts it took: calls, refused ones too, token counts, and operations on stored responses',
    value: ({ requests }) => requests,
    format: formatCompact,
    worse: null,
    filter: '',
  },
  {
    label: 'Errors',
    hint: 'Share of calls that failed, were refused or interrupted, or were answered with 400 and above',
    value: ({ errors, requests }) => share(errors, requests),
    format: formatPercent,
    worse: 'up',
    filter: 'status:error',
  },
  {
    label: 'Spend',
    hint: 'Cost of all priced calls',
    value: ({ costUsd }) => (costUsd === null ? null : Number(costUsd)),
    note: missingCosts,
    format: formatUsd,
    worse: 'up',
    filter: 'cost:>0',
  },
  {
    label: 'Tokens',
    hint: 'Input and output, cache and reasoning included',
    value: totalTokens,
    format: formatCompact,
    worse: null,
    filter: 'tokens:>0',
  },
  {
    label: 'Latency p50',
    hint: 'From the request to the last byte of the answer',
    value: ({ latencyMs }) => latencyMs?.p50 ?? null,
    format: formatDuration,
    worse: 'up',
    filter: '',
  },
  {
    label: 'Latency p95',
    hint: '95 of 100 calls were quicker',
    value: ({ latencyMs }) => latencyMs?.p95 ?? null,
    format: formatDuration,
    worse: 'up',
    filter: '',
  },
  {
    label: 'Latency p99',
    hint: '99 of 100 calls were quicker',
    value: ({ latencyMs }) => latencyMs?.p99 ?? null,
    format: formatDuration,
    worse: 'up',
    filter: '',
  },
  {
    label: 'First chunk p50',
    hint: 'Until a streamed answer begins',
    value: ({ timeToFirstChunkMs }) => timeToFirstChunkMs?.p50 ?? null,
    format: formatDuration,
    worse: 'up',
    filter: 'has:ttft',
  },
  {
    label: 'Overhead p50',
    hint: 'What Loom added before the provider was called',
    value: ({ gatewayOverheadMs }) => gatewayOverheadMs?.p50 ?? null,
    format: formatDuration,
    worse: 'up',
    filter: '',
  },
  {
    label: 'Cached input',
    hint: 'Share of input tokens that the provider read from its cache',
    value: cachedShare,
    format: formatPercent,
    worse: null,
    filter: '',
  },
  {
    label: 'Retried',
    hint: 'Share of calls that took more than one attempt',
    value: ({ retried, requests }) => share(retried, requests),
    format: formatPercent,
    worse: 'up',
    filter: '',
  },
];

/** Figures that are a quantile lead to the calls above it. */
export function filterOf({ label, filter, value }: Figure, group: Group): string {
  const found = value(group);
  if (!/^Latency/.test(label) || found === null) return filter;
  return `latency:>=${Math.floor(found)}ms`;
}
