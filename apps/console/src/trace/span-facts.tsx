'use client';

import type { Span } from '@loom/api-contract';
import { HoverCard } from 'radix-ui';
import { Fragment, type ReactNode } from 'react';
import { useKeyNames } from '../api/key-names.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatCompact, formatCount, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { usePath } from '../shell/session.tsx';
import { OutcomeBadge } from '../traces/outcome-badge.tsx';
import { filterTerm } from '../traces/filter-text.ts';
import { Badge } from '../ui/badge.tsx';
import { CopyableId } from '../ui/copy-button.tsx';
import { Link } from '../ui/link.tsx';
import { ProofMark } from './proof-mark.tsx';

/** What one looks at first: how it ended, who answered, what it took and what it cost. */
export function SpanFacts({ span }: { readonly span: Span }) {
  const { usage, timing } = span;
  const keyName = useKeyNames();
  const model = span.responseModel ?? span.routedModel;
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <OutcomeBadge outcome={span.outcome} status={span.status} />
        <bdi className="font-medium">{visibleText(model)}</bdi>
        {model !== span.requestModel && (
          <span className="text-xs text-muted">
            asked for <bdi>{visibleText(span.requestModel)}</bdi>
          </span>
        )}
        {span.provider !== '' && <Badge>{span.provider}</Badge>}
        {span.route !== null && (
          <Badge title="The alias whose route chose the provider">route {visibleText(span.route)}</Badge>
        )}
        {span.cache === 'hit' && (
          <Badge tone="ok" title="The response cache answered, no provider was called">
            cache hit, cost 0
          </Badge>
        )}
        <Badge>{span.operation}</Badge>
        {span.wire !== null && (
          <Badge
            tone="accent"
            title={`The caller spoke ${span.dialect}; the call was translated to the provider’s own API`}
          >
            {span.dialect} → {span.wire}
          </Badge>
        )}
        {span.streamed && <Badge>stream</Badge>}
        {span.finishReasons.map((reason) => (
          <Badge
            key={reason}
            tone={reason === 'length' || reason === 'content_filter' ? 'warn' : 'neutral'}
            title="Finish reason"
          >
            {reason}
          </Badge>
        ))}
      </div>
      {span.error && (
        <div role="note" className="rounded-md bg-bad-soft px-3 py-2 text-bad">
          <p className="font-medium">
            {span.error.type}
            {span.error.code !== null && ` · ${span.error.code}`}
          </p>
          <p className="foreign">{visibleText(span.error.message)}</p>
        </div>
      )}
      {span.dropped.length > 0 && (
        <p className="rounded-md bg-warn-soft px-3 py-2 text-xs text-warn">
          The provider could not be told{' '}
          {span.dropped.map((path, index) => (
            <Fragment key={index}>
              {index > 0 && ', '}
              <code className="foreign font-mono">{visibleText(path)}</code>
            </Fragment>
          ))}
          : its API has no words for it.
        </p>
      )}
      {span.lostFacts.length > 0 && (
        <p className="rounded-md bg-warn-soft px-3 py-2 text-xs text-warn">
          The recorded event contains values that could not be read, so they are missing here:{' '}
          <code className="foreign font-mono">{visibleText(span.lostFacts.join(', '))}</code>
        </p>
      )}
      {!span.usageConsistent && (
        <p className="rounded-md bg-warn-soft px-3 py-2 text-xs text-warn">
          The provider’s token parts are more than its whole: this usage contradicts itself.
        </p>
      )}
      <dl className="grid grid-cols-[repeat(auto-fill,minmax(6rem,1fr))] gap-x-4 gap-y-2.5">
        <Fact label="Started" title={formatInstant(timing.startTime)}>
          {formatTime(timing.startTime)}
        </Fact>
        <Fact label="Duration">{formatDuration(timing.durationMs)}</Fact>
        <Fact label="First chunk">
          {timing.timeToFirstChunkMs === null ? '–' : formatDuration(timing.timeToFirstChunkMs)}
        </Fact>
        <Fact label="Overhead" title="What Loom added before the provider was called">
          {formatDuration(timing.gatewayOverheadMs)}
        </Fact>
        <Fact label="Tokens">
          {usage ? (
            <span title={`${formatCount(usage.inputTokens)} in, ${formatCount(usage.outputTokens)} out`}>
              {formatCompact(usage.inputTokens)} → {formatCompact(usage.outputTokens)}
              {span.usageSource === 'estimated' && <span className="text-warn"> est.</span>}
            </span>
          ) : (
            '–'
          )}
        </Fact>
        <Fact label="Cost">
          <CostDetail span={span} />
        </Fact>
        <Fact label="Sealed">
          <ProofMark span={span} />
        </Fact>
      </dl>
      <dl className="flex flex-wrap gap-x-5 gap-y-1.5 text-xs">
        <Identity label="API key" field="key" value={span.keyId} shown={keyName(span.keyId)} />
        <Identity label="User" field="user" value={span.userId} />
        <Identity label="Session" field="session" value={span.sessionId} />
        <Identity label="Environment" field="environment" value={span.environment} />
        <Identity label="Release" field="release" value={span.release} />
        <Identity
          label="Agent"
          field="agent"
          value={span.agentName}
          shown={[span.agentName, span.agentVersion].filter(Boolean).join(' ')}
        />
        <Identity
          label="Prompt"
          field="prompt"
          value={span.promptName}
          shown={[span.promptName, span.promptVersion].filter(Boolean).join(' @')}
        />
      </dl>
      <div className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
        <span className="flex items-center gap-1">
          Trace <CopyableId id={span.traceId} label="Copy trace id" />
        </span>
        <span className="flex items-center gap-1">
          Span <CopyableId id={span.spanId} label="Copy span id" />
        </span>
        {span.responseId !== null && (
          <span className="flex items-center gap-1">
            Response <CopyableId id={visibleText(span.responseId)} label="Copy response id" length={14} />
          </span>
        )}
      </div>
    </div>
  );
}

function Fact({
  label,
  title,
  children,
}: {
  readonly label: string;
  readonly title?: string;
  readonly children: ReactNode;
}) {
  return (
    <div>
      <dt className="text-xs text-muted">{label}</dt>
      <dd title={title} className="tabular font-medium">
        {children}
      </dd>
    </div>
  );
}

/** A value that leads to all traces with it. */
function Identity({
  label,
  field,
  value,
  shown = value ?? '',
}: {
  readonly label: string;
  readonly field: string;
  readonly value: string | null;
  readonly shown?: string;
}) {
  const path = usePath();
  if (!value) return null;
  const href =
    field === 'session'
      ? path('sessions', value)
      : `${path('traces')}?filter=${encodeURIComponent(filterTerm(field, value))}`;
  return (
    <div className="flex max-w-72 gap-1.5">
      <dt className="text-muted">{label}</dt>
      <dd className="min-w-0 truncate">
        <Link href={href} title={visibleText(value)} className="hover:text-accent hover:underline">
          <bdi>{visibleText(shown)}</bdi>
        </Link>
      </dd>
    </div>
  );
}

const reasons: Readonly<Record<string, string>> = {
  pending: 'Not priced yet: it takes a moment after the call.',
  unpriced: 'There is no price for it in the book.',
};

function CostDetail({ span: { cost, costState, costReason, buckets, cache } }: { readonly span: Span }) {
  if (cache === 'hit' && cost)
    return <span title="The response cache answered">{formatUsd(cost.totalUsd)}</span>;
  if (!cost && !buckets) return '–'; // nothing that has a price
  if (!cost) {
    return (
      <span title={costReason ?? reasons[costState]}>{costState === 'pending' ? 'pending' : 'no price'}</span>
    );
  }
  return (
    <HoverCard.Root openDelay={150}>
      <HoverCard.Trigger asChild>
        <button type="button" className="underline decoration-dotted underline-offset-4">
          {formatUsd(cost.totalUsd)}
          {costState === 'partial' && <span className="text-warn"> partial</span>}
        </button>
      </HoverCard.Trigger>
      <HoverCard.Portal>
        <HoverCard.Content
          align="start"
          sideOffset={4}
          collisionPadding={8}
          className="z-50 grid w-88 gap-2 rounded-lg border bg-surface p-3 text-xs shadow-lg"
        >
          <table className="tabular w-full">
            <thead>
              <tr className="text-left text-muted">
                <th className="font-normal">Tokens</th>
                <th className="text-right font-normal">Count</th>
                <th className="text-right font-normal">$ per million</th>
                <th className="text-right font-normal">Cost</th>
              </tr>
            </thead>
            <tbody>
              {cost.lines.map((line) => (
                <tr key={line.bucket}>
                  <td title={line.pricedAs && `Price of ${line.pricedAs}`}>
                    {line.bucket}
                    {line.pricedAs && '*'}
                  </td>
                  <td className="text-right">{formatCount(line.quantity)}</td>
                  <td className="text-right">{line.pricePerMillionUsd}</td>
                  <td className="text-right">{formatUsd(line.usd)}</td>
                </tr>
              ))}
            </tbody>
            <tfoot>
              <tr className="border-t font-medium">
                <td colSpan={3}>
                  Total
                  {cost.source === 'reported' && ' (reported by the provider)'}
                  {cost.estimated && ' (tokens estimated)'}
                </td>
                <td className="text-right">${cost.totalUsd}</td>
              </tr>
            </tfoot>
          </table>
          {cost.missing.length > 0 && (
            <p className="text-warn">
              No price for <span className="foreign">{visibleText(cost.missing.join(', '))}</span>.
            </p>
          )}
          {cost.reported !== null && cost.source !== 'reported' && (
            <p className="text-muted">Reported by the provider: ${cost.reported}</p>
          )}
          <p className="foreign text-muted">
            {cost.priceId}, tier {cost.tier}
            <br />
            {cost.priceBookVersion}
          </p>
        </HoverCard.Content>
      </HoverCard.Portal>
    </HoverCard.Root>
  );
}
