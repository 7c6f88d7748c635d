import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoomClient } from '@loom/api-contract';
import { isLoomError, LoomError, messageOf } from '@loom/errors';
import { parseReceipt } from '@loom/ledger';
import { checkReceipt } from './receipt-check.ts';

export interface CanaryDeps {
  readonly gateway: { readonly gatewayUrl: string; readonly apiKey: string };
  readonly client: LoomClient;
  readonly model: string;
  /** How long the call may take to be found and proved. Milliseconds. */
  readonly withinMs: number;
}

export interface CanaryFinding {
  readonly ok: boolean;
  readonly callId: string | null;
  readonly traceId: string | null;
  /** What was not found in time, of `receipt`, `trace`, `list`, `bytes`, `proof`. */
  readonly missing: readonly string[];
  /** What was found and is not what was sent or answered. */
  readonly mismatch: readonly string[];
  /** Seconds from the end of the answer until all was found; null when it was not. */
  readonly lateSeconds: number | null;
  readonly message: string;
}

const lookMs = 250;

/** One call through the real path, read back by its id, from the list, as bytes, and by its proof. */
export async function runCanary(deps: CanaryDeps): Promise<CanaryFinding> {
  const marker = `canary-${randomUUID()}`;
  const sent = JSON.stringify({
    model: deps.model,
    messages: [{ role: 'user', content: marker }],
    stream: false,
  });
  const answer = await call(deps, sent).catch((error: unknown) => messageOf(error));
  if (typeof answer === 'string')
    return { ...nothing, missing: ['receipt', 'trace', 'list', 'bytes', 'proof'], message: answer };
  const endedAt = performance.now();
  const looks: Record<string, () => Promise<string | null>> = {
    trace: () => findTrace(deps, answer),
    list: () => findInList(deps, answer),
    bytes: () => compareBytes(deps, answer, sent),
    proof: () => checkProof(deps, answer, sent),
  };
  const { missing, mismatch } = await lookUntil(looks, endedAt + deps.withinMs);
  if (answer.receipt === null) missing.unshift('receipt');
  const ok = missing.length === 0 && mismatch.length === 0;
  return {
    ...{ ok, traceId: answer.traceId, missing, mismatch },
    callId: answer.receipt === null ? null : parseReceipt(answer.receipt).stated.callId,
    lateSeconds: missing.length === 0 ? Math.round(performance.now() - endedAt) / 1000 : null,
    message: ok ? 'sent, stored, listed, equal to the byte, proved' : [...missing, ...mismatch].join(', '),
  };
}

const nothing = { ok: false, callId: null, traceId: null, mismatch: [], lateSeconds: null };

interface Answer {
  readonly traceId: string;
  readonly spanId: string;
  readonly receipt: string | null;
  readonly body: string;
}

async function call({ gateway, withinMs }: CanaryDeps, sent: string): Promise<Answer> {
  const response = await fetch(`${gateway.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
    body: sent,
    signal: AbortSignal.timeout(withinMs),
  });
  const body = await response.text();
  if (!response.ok)
    throw new LoomError('upstream_failed', `the gateway answered ${response.status}: ${body.slice(0, 200)}`);
  const header = (name: string) => response.headers.get(name);
  return {
    traceId: header('x-loom-trace-id') ?? '',
    spanId: header('x-loom-span-id') ?? '',
    receipt: header('x-loom-receipt'),
    body,
  };
}

/** Each look gives null when all is well, a word when something is wrong for good, and throws while it is not there. */
async function lookUntil(looks: Record<string, () => Promise<string | null>>, deadline: number) {
  const open = new Map(Object.entries(looks));
  const mismatch: string[] = [];
  while (open.size > 0) {
    for (const [name, look] of open) {
      try {
        const wrong = await look();
        if (wrong !== null) mismatch.push(`${name}: ${wrong}`);
        open.delete(name);
      } catch (error) {
        if (isLoomError(error) && error.code === 'invalid_request') {
          mismatch.push(`${name}: ${error.message}`);
          open.delete(name);
        }
      }
    }
    if (open.size === 0 || performance.now() > deadline) break;
    await delay(lookMs);
  }
  return { missing: [...open.keys()], mismatch };
}

async function findTrace({ client }: CanaryDeps, { traceId, spanId }: Answer): Promise<string | null> {
  const { spans } = await client.getTrace({ params: { traceId } });
  const span = spans.find((one) => one.spanId === spanId);
  if (!span) throw new LoomError('not_found', 'no span yet');
  return span.outcome === 'completed' ? null : `the call is ${span.outcome}`;
}

async function findInList({ client }: CanaryDeps, { traceId }: Answer): Promise<string | null> {
  const from = new Date(Date.now() - 600_000).toISOString();
  const { traces } = await client.listTraces({ query: { from, limit: 200 } });
  if (!traces.some((trace) => trace.traceId === traceId)) throw new LoomError('not_found', 'not listed yet');
  return null;
}

async function compareBytes(
  { client }: CanaryDeps,
  { spanId, body }: Answer,
  sent: string,
): Promise<string | null> {
  for (const [part, expected] of [
    ['request', sent],
    ['response', body],
  ] as const) {
    const stored = await client.getSpanRaw({ params: { spanId }, query: { part } });
    if (sha256(stored) !== sha256(Buffer.from(expected))) return `the ${part} is stored with other bytes`;
  }
  return null;
}

async function checkProof({ client }: CanaryDeps, { receipt }: Answer, sent: string): Promise<string | null> {
  if (receipt === null) throw new LoomError('not_found', 'no receipt');
  const { callId } = parseReceipt(receipt).stated;
  const [ledger, proved] = [await client.getLedger(), await client.getReceipt({ params: { id: callId } })];
  const { endedIndex } = checkReceipt({ receipt, request: Buffer.from(sent) }, ledger, proved);
  if (endedIndex === null) throw new LoomError('unavailable', 'the end is not sealed yet');
  return null;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
