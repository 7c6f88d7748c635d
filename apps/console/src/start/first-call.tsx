'use client';

import { CheckCircle2, Loader2 } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Tabs } from 'radix-ui';
import { useEffect, useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { useMay, usePath } from '../shell/session.tsx';
import { Button } from '../ui/button.tsx';
import { Card, PageHead } from '../ui/card.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Skeleton } from '../ui/states.tsx';
import { snippetsOf } from './snippets.ts';

const pollMs = 1500;
const placeholder = 'YOUR_LOOM_KEY';

/** From nothing to the first trace: a key, a snippet, and the trace as soon as it is there. */
export function FirstCall() {
  const deployment = useLoom('getDeployment', {}, { staleTime: Infinity });
  const mayMakeKeys = useMay('keys:write');
  const create = useLoomChange('createKey', ['listKeys']);
  const secret = create.data?.secret ?? null;
  return (
    <div className="mx-auto grid w-full max-w-3xl grid-cols-[minmax(0,1fr)] gap-5">
      <PageHead
        title="Your first call"
        lead="Any client of OpenAI or Anthropic works: it needs Loom’s address and a key. Nothing else in your code changes."
      />
      <Card title="1 · A key">
        <div className="grid gap-2 px-4 pb-4">
          {secret ? (
            <>
              <p className="flex items-center gap-1 rounded-md bg-raised px-3 py-2">
                <code className="foreign min-w-0 grow font-mono text-xs">{secret}</code>
                <CopyButton text={secret} label="Copy key" />
              </p>
              <p className="text-muted">It is shown this once. The snippets below have it already.</p>
            </>
          ) : mayMakeKeys ? (
            <div className="flex flex-wrap items-center gap-3">
              <Button
                look="primary"
                busy={create.isPending}
                onClick={() => create.mutate({ body: { name: 'first call', scopes: ['call', 'read'] } })}
              >
                Create a key
              </Button>
              <p className="text-muted">Or take the one that Loom printed when it started.</p>
            </div>
          ) : (
            <p className="text-muted">Ask an owner or a member for a key: your role cannot create one.</p>
          )}
          {create.error && (
            <p role="alert" className="text-bad">
              {create.error.message}
            </p>
          )}
        </div>
      </Card>
      <Card title="2 · A call">
        {deployment.data ? (
          <Snippets
            gatewayUrl={deployment.data.gatewayUrl ?? 'http://127.0.0.1:4000'}
            apiKey={secret ?? placeholder}
          />
        ) : (
          <Skeleton className="m-4 h-44" />
        )}
      </Card>
      <Waiting />
    </div>
  );
}

function Snippets({ gatewayUrl, apiKey }: { readonly gatewayUrl: string; readonly apiKey: string }) {
  const snippets = snippetsOf(gatewayUrl, apiKey);
  return (
    <Tabs.Root defaultValue="curl" className="grid grid-cols-[minmax(0,1fr)] gap-3 px-4 pb-4">
      <Tabs.List aria-label="Client" className="flex flex-wrap gap-1">
        {snippets.map(({ name }) => (
          <Tabs.Trigger
            key={name}
            value={name}
            className="rounded-md px-2.5 py-1 text-muted hover:text-text data-[state=active]:bg-accent-soft data-[state=active]:font-medium data-[state=active]:text-accent"
          >
            {name}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {snippets.map(({ name, install, code }) => (
        <Tabs.Content key={name} value={name} className="grid grid-cols-[minmax(0,1fr)] gap-2">
          {install && <code className="font-mono text-xs text-muted">{install}</code>}
          <div className="relative rounded-lg border bg-canvas">
            {/* A region that scrolls must be reachable by keyboard. */}
            <pre
              tabIndex={0}
              aria-label={`${name} snippet`}
              className="overflow-x-auto p-3 pr-10 font-mono text-xs leading-5"
            >
              {code}
            </pre>
            <CopyButton text={code} label="Copy snippet" className="absolute top-2 right-2 bg-canvas" />
          </div>
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}

function Waiting() {
  const { data } = useLoom('listTraces', { query: { limit: 1 } }, { refetchInterval: pollMs, staleTime: 0 });
  const newest = data ? (data.traces[0]?.traceId ?? null) : undefined;
  // What is there when the page opens is not the call that it waits for. The newest one, not a time: clocks differ.
  const [known, setKnown] = useState<string | null | undefined>(undefined);
  if (known === undefined && newest !== undefined) setKnown(newest);
  const router = useRouter();
  const path = usePath();
  const first = known !== undefined && newest !== known ? newest : null;
  const href = first ? path('traces', first) : null;
  useEffect(() => {
    if (href !== null) router.push(href);
  }, [href, router]);
  const Icon = first ? CheckCircle2 : Loader2;
  return (
    <div role="status" className="flex items-center gap-3 rounded-xl border border-dashed px-4 py-4">
      <Icon aria-hidden className={first ? 'size-5 text-ok' : 'size-5 animate-spin text-accent'} />
      <p>
        {first
          ? 'Your call is here.'
          : `Waiting for ${known === null ? 'your first call' : 'the next call'}. It opens here as soon as it is on the record.`}
      </p>
    </div>
  );
}
