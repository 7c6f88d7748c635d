'use client';

import type { Span } from '@loom/api-contract';
import { useLoom } from '../api/loom.tsx';
import { isJson } from '../content/read-parts.ts';
import { own } from '../format/own.ts';
import { visibleText } from '../format/foreign-text.ts';
import { usePath } from '../shell/session.tsx';
import { filterTerm } from '../traces/filter-text.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { Link } from '../ui/link.tsx';
import { Skeleton } from '../ui/states.tsx';

const chatPath = '/v1/chat/completions';
const pathByDialect: Readonly<Record<string, string>> = {
  'openai-responses': '/v1/responses',
  'openai-embeddings': '/v1/embeddings',
  'openai-completions': '/v1/completions',
  'anthropic-messages': '/v1/messages',
  'anthropic-count-tokens': '/v1/messages/count_tokens',
};
/** Of dialects whose path names the model. */
const verbsByDialect: Readonly<Record<string, (span: Span) => string>> = {
  'gemini-generate-content': ({ streamed }) =>
    streamed ? 'streamGenerateContent?alt=sse' : 'generateContent',
  'gemini-count-tokens': () => 'countTokens',
  'gemini-embeddings': ({ request }) =>
    isJson(request) && 'content' in request ? 'embedContent' : 'batchEmbedContents',
};
const storedPaths: Readonly<Record<string, readonly [method: string, rest: string]>> = {
  retrieve_response: ['GET', ''],
  delete_response: ['DELETE', ''],
  cancel_response: ['POST', '/cancel'],
  list_input_items: ['GET', '/input_items'],
};

/** The headers that Loom keeps a record of, and a command that makes the same call again. */
export function Wire({ span }: { readonly span: Span }) {
  const { data } = useLoom('getDeployment', {}, { staleTime: Infinity });
  const sent = requestHeaders(span);
  const answered: [string, string][] = [
    ['x-loom-trace-id', span.traceId],
    ['x-loom-span-id', span.spanId],
    ['x-request-id', span.callId],
  ];
  const curl = data ? curlOf(span, data.gatewayUrl ?? 'http://127.0.0.1:4000', sent) : null;
  return (
    <div className="grid gap-3">
      <HeaderTable title="Request headers on the record" headers={sent} />
      <HeaderTable title="Answer headers that Loom set" headers={answered} />
      {curl === null ? (
        <Skeleton className="h-32" />
      ) : (
        <section className="min-w-0 rounded-lg border">
          <h3 className="flex h-8 items-center justify-between border-b px-3 text-xs font-medium text-muted">
            curl <CopyButton text={curl} label="Copy curl" />
          </h3>
          <pre
            tabIndex={0}
            aria-label="curl command"
            className="foreign max-h-96 overflow-auto p-3 font-mono text-xs leading-5"
          >
            {visibleText(curl.slice(0, 20_000))}
          </pre>
        </section>
      )}
    </div>
  );
}

function requestHeaders(span: Span): [string, string][] {
  const metadata = Object.keys(span.metadata).length > 0 ? JSON.stringify(span.metadata) : null;
  const headers: readonly (readonly [string, string | null])[] = [
    credentialHeader(span.dialect),
    ['content-type', 'application/json'],
    ['traceparent', span.parentSpanId === null ? null : `00-${span.traceId}-${span.parentSpanId}-01`],
    ['x-loom-session-id', span.sessionId],
    ['x-loom-user-id', span.userId],
    ['x-loom-metadata', metadata],
  ];
  return headers.flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
}

function credentialHeader(dialect: string): readonly [string, string] {
  if (dialect.startsWith('anthropic')) return ['x-api-key', '$LOOM_API_KEY'];
  if (dialect.startsWith('gemini')) return ['x-goog-api-key', '$LOOM_API_KEY'];
  return ['authorization', 'Bearer $LOOM_API_KEY'];
}

function pathOf(span: Span): string {
  const verb = own(verbsByDialect, span.dialect)?.(span);
  if (verb === undefined) return own(pathByDialect, span.dialect) ?? chatPath;
  return `/v1beta/models/${encodeURIComponent(span.requestModel)}:${verb}`;
}

function curlOf(span: Span, gatewayUrl: string, headers: readonly (readonly [string, string])[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = headers
    .filter(([name]) => name !== 'traceparent') // the repetition is a trace of its own
    .map(
      ([name, value]) =>
        `-H ${value.endsWith('$LOOM_API_KEY') ? `"${name}: ${value}"` : quote(`${name}: ${value}`)}`,
    );
  const stored = own(storedPaths, span.operation);
  if (stored) {
    const url = `${gatewayUrl}/v1/responses/${encodeURIComponent(span.responseId ?? 'RESPONSE_ID')}${stored[1]}`;
    return [`curl -X ${stored[0]} ${url}`, ...lines].join(' \\\n  ');
  }
  const body =
    span.request === null
      ? '@request.json'
      : typeof span.request === 'string'
        ? span.request
        : JSON.stringify(span.request);
  const url = gatewayUrl + pathOf(span);
  return [`curl ${url.includes('?') ? quote(url) : url}`, ...lines, `--data-binary ${quote(body)}`].join(
    ' \\\n  ',
  );
}

function HeaderTable({
  title,
  headers,
}: {
  readonly title: string;
  readonly headers: readonly (readonly [string, string])[];
}) {
  return (
    <section className="min-w-0 rounded-lg border">
      <h3 className="border-b px-3 py-1.5 text-xs font-medium text-muted">{title}</h3>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 p-3 font-mono text-xs">
        {headers.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="foreign min-w-0">{visibleText(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Metadata({ span }: { readonly span: Span }) {
  const path = usePath();
  const facts: readonly (readonly [string, string | null])[] = [
    ['Dialect', span.dialect],
    ['Provider’s API', span.wire],
    ['Route', span.route],
    ['Provider kind', span.providerKind],
    ['Routed model', span.routedModel],
    ['Service tier', span.serviceTier],
    ['System fingerprint', span.systemFingerprint],
    ['Capture', span.capture],
    ['Usage from', span.usageSource],
    ['Call', span.callId],
    ['Delivered', `${span.deliveredBytes} bytes`],
    ['Request SHA-256', span.requestHash],
    ['Answer SHA-256', span.responseHash],
  ];
  return (
    <>
      <section className="rounded-lg border">
        <h3 className="border-b px-3 py-1.5 text-xs font-medium text-muted">Metadata of the caller</h3>
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 p-3 text-xs">
          {Object.entries(span.metadata).map(([key, value]) => (
            <div key={key} className="contents">
              <dt className="text-muted">
                <bdi>{visibleText(key)}</bdi>
              </dt>
              <dd>
                <Link
                  href={`${path('traces')}?filter=${encodeURIComponent(filterTerm(`metadata.${key}`, value))}`}
                  className="hover:text-accent hover:underline"
                >
                  <bdi className="foreign">{visibleText(value)}</bdi>
                </Link>
              </dd>
            </div>
          ))}
        </dl>
        {Object.keys(span.metadata).length === 0 && (
          <p className="px-3 pb-3 text-xs text-muted">None. Send x-loom-metadata with a JSON object.</p>
        )}
      </section>
      <section className="rounded-lg border">
        <h3 className="border-b px-3 py-1.5 text-xs font-medium text-muted">Parameters and facts</h3>
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 p-3 font-mono text-xs">
          {[
            ...Object.entries(span.requestParameters).map(([name, value]) => [name, String(value)] as const),
            ...facts,
          ].map(([name, value]) =>
            value === null || value === '' ? null : (
              <div key={name} className="contents">
                <dt className="text-muted">{visibleText(name)}</dt>
                <dd className="foreign min-w-0">{visibleText(value)}</dd>
              </div>
            ),
          )}
        </dl>
      </section>
    </>
  );
}
