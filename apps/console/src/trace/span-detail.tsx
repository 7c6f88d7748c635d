'use client';

import type { Span } from '@loom/api-contract';
import { Download } from 'lucide-react';
import { Tabs } from 'radix-ui';
import { type ReactNode, useMemo } from 'react';
import { useClient, useLoom } from '../api/loom.tsx';
import { toConversation } from '../content/conversation.ts';
import { ConversationView } from '../content/conversation-view.tsx';
import { JsonTree } from '../content/json-tree.tsx';
import { LongText } from '../content/long-text.tsx';
import { formatBytes } from '../format/numbers.ts';
import { useUrlState } from '../shell/url-state.ts';
import { download } from '../traces/export-traces.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';
import { Attempts } from './attempts.tsx';
import { Metadata, Wire } from './span-wire.tsx';
import { SpanFacts } from './span-facts.tsx';
import { SpanProof } from './span-proof.tsx';
import { StreamView } from './stream-view.tsx';

/** One span, whole: its facts, and its content as conversation, JSON, stream and wire. */
export function SpanDetail({ spanId }: { readonly spanId: string }) {
  const {
    data: span,
    error,
    refetch,
  } = useLoom(
    'getSpan',
    { params: { spanId } },
    { refetchInterval: ({ state }) => (state.data?.costState === 'pending' ? 2000 : false) },
  );
  const { get, set } = useUrlState();
  if (error && !span) return <Failure error={error} retry={() => void refetch()} />;
  if (!span) return <DetailSkeleton />;
  const tabs: readonly (readonly [string, string, () => ReactNode])[] = [
    ['conversation', 'Conversation', () => <Conversation span={span} />],
    ['json', 'JSON', () => <RawJson span={span} />],
    ...(span.streamed ? ([['stream', 'Stream', () => <StreamView spanId={spanId} />]] as const) : []),
    ['wire', 'Headers & curl', () => <Wire span={span} />],
    ['more', 'Metadata', () => <Metadata span={span} />],
    ['proof', 'Proof', () => <SpanProof span={span} />],
  ];
  const tab = tabs.some(([name]) => name === get('tab')) ? (get('tab') ?? '') : 'conversation';
  return (
    <div className="grid gap-4 p-4">
      <SpanFacts span={span} />
      {isRouted(span) && <Attempts attempts={span.attempts} />}
      <Tabs.Root
        value={tab}
        onValueChange={(name) => set({ tab: name === 'conversation' ? null : name })}
        className="grid min-w-0 gap-3"
      >
        <Tabs.List aria-label="Content" className="flex gap-1 overflow-x-auto border-b">
          {tabs.map(([name, label]) => (
            <Tabs.Trigger
              key={name}
              value={name}
              className="-mb-px h-8 border-b-2 border-transparent px-2.5 whitespace-nowrap text-muted hover:text-text data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-text"
            >
              {label}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {tabs.map(([name, , show]) => (
          <Tabs.Content key={name} value={name} className="grid min-w-0 gap-3">
            {show()}
          </Tabs.Content>
        ))}
      </Tabs.Root>
    </div>
  );
}

/** Whether the way to the answer is more than its provider's name. */
function isRouted({ attempts, route }: Span): boolean {
  return attempts.length > 1 || (route !== null && attempts.length > 0);
}

function Conversation({ span }: { readonly span: Span }) {
  const turns = useMemo(() => toConversation(span), [span]);
  return (
    <>
      <ContentNotes span={span} />
      {turns ? (
        <ConversationView turns={turns} />
      ) : span.request === null && span.response === null ? (
        <Empty title="No content to show">
          {span.requestState === 'sealed'
            ? 'It is sealed under a key that is not here.'
            : 'This span carries none, or it is too large to show at once.'}
        </Empty>
      ) : (
        <RawJson span={span} />
      )}
    </>
  );
}

/** Why something is not here, with the way to it. */
function ContentNotes({ span }: { readonly span: Span }) {
  const { client } = useClient();
  const save = (part: 'request' | 'response') => async () => {
    try {
      const bytes = await client.getSpanRaw({ params: { spanId: span.spanId }, query: { part } });
      download(
        new Blob([bytes as BlobPart]),
        `${span.spanId}-${part}.${span.streamed && part === 'response' ? 'txt' : 'json'}`,
      );
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), { isError: true });
    }
  };
  const notes = [
    { part: 'request' as const, state: span.requestState, bytes: span.requestBytes },
    { part: 'response' as const, state: span.responseState, bytes: span.responseBytes },
  ].filter(({ state }) => state !== 'complete' && state !== 'absent');
  return notes.map(({ part, state, bytes }) => (
    <p key={part} className="flex flex-wrap items-center gap-3 rounded-md bg-warn-soft px-3 py-2 text-warn">
      {state === 'omitted' && `The ${part} has ${formatBytes(bytes)}, which is too much for this page.`}
      {state === 'truncated' &&
        `The ${part} was longer than the capture limit: this is what was kept of ${formatBytes(bytes)}.`}
      {state === 'sealed' && `The ${part} is encrypted with a key that was deleted.`}
      {state === 'unreadable' && `The ${part} is recorded, but some of it is missing or damaged.`}
      {state !== 'sealed' && state !== 'unreadable' && (
        <Button size="small" onClick={() => void save(part)()}>
          <Download aria-hidden className="size-3" /> Download
        </Button>
      )}
    </p>
  ));
}

function RawJson({ span }: { readonly span: Span }) {
  return (
    <>
      <ContentNotes span={span} />
      {(['request', 'response'] as const).map((part) => {
        const value: unknown = span[part];
        return (
          <section key={part} className="min-w-0 rounded-lg border">
            <h3 className="flex h-8 items-center gap-2 border-b px-3 text-xs font-medium text-muted capitalize">
              {part}
              <span className="tabular font-normal">
                {formatBytes(part === 'request' ? span.requestBytes : span.responseBytes)}
              </span>
              <span className="grow" />
              {value !== null && (
                <CopyButton
                  text={() => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))}
                  label={`Copy ${part}`}
                />
              )}
            </h3>
            <div className="overflow-x-auto p-2.5">
              {value === null ? (
                <p className="text-muted">None.</p>
              ) : typeof value === 'string' ? (
                <LongText text={value} className="font-mono text-xs leading-5" />
              ) : (
                <JsonTree value={value} />
              )}
            </div>
          </section>
        );
      })}
    </>
  );
}

function DetailSkeleton() {
  return (
    <div aria-busy="true" aria-label="Loading" className="grid gap-3 p-4">
      <Skeleton className="h-6 w-64" />
      <Skeleton className="h-20" />
      <Skeleton className="h-8" />
      <Skeleton className="h-40" />
    </div>
  );
}
