'use client';

import type { LiveEvent, LoomClient } from '@loom/api-contract';
import { isLoomError } from '@loom/errors';
import { useEffect, useRef, useState } from 'react';
import { useClient } from '../api/loom.tsx';
import { emptyLive, type LiveState, takeEvent } from './live-calls.ts';

const retryMsMin = 500;
const retryMsMax = 10_000;
const paintMs = 150;
const heldEventsMax = 5000;
const looksMax = 30;
const lookMs = 1_000;
const backfillMax = 100;
/** Without a sign of life for this long the stream is taken for dead. The server sends one at least every 15 s. */
const silentMs = 40_000;
/** What was there when the page opened. */
const headStartMs = 60_000;
const clockSkewMs = 5_000;

export type LiveLink = 'connecting' | 'live' | 'broken';

/**
 * The live events of the project, over any break: what is shown stays, the stream is opened anew, and calls that ended
 * meanwhile are looked up. While paused, events wait.
 */
export function useLive(isPaused: boolean): {
  readonly state: LiveState;
  readonly link: LiveLink;
  readonly waiting: number;
  readonly clear: () => void;
} {
  const { client } = useClient();
  const [state, setState] = useState<LiveState>(emptyLive);
  const [link, setLink] = useState<LiveLink>('connecting');
  const [waiting, setWaiting] = useState(0);
  const held = useRef<LiveEvent[]>([]);
  const paused = useRef(isPaused);
  useEffect(() => {
    paused.current = isPaused;
  }, [isPaused]);

  useEffect(() => {
    const stop = new AbortController();
    void follow(client, stop.signal, {
      onLink: setLink,
      onEvent: (event) => {
        held.current.push(event);
        if (held.current.length > heldEventsMax) held.current.shift();
      },
    });
    // Painted a few times a second, however many events there are.
    const paint = setInterval(() => {
      if (paused.current) return setWaiting(held.current.length);
      const events = held.current.splice(0);
      setWaiting(0);
      if (events.length > 0) setState((before) => events.reduce(takeEvent, before));
    }, paintMs);
    return () => {
      stop.abort();
      clearInterval(paint);
    };
  }, [client]);
  return { state, link, waiting, clear: () => setState(emptyLive) };
}

interface Follower {
  readonly onLink: (link: LiveLink) => void;
  readonly onEvent: (event: LiveEvent) => void;
}

async function follow(client: LoomClient, signal: AbortSignal, { onLink, onEvent }: Follower): Promise<void> {
  let pauseMs = retryMsMin;
  let heardAt = Date.now() - headStartMs;
  while (!signal.aborted) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), silentMs);
    const isBack = Promise.withResolvers<void>();
    const onAlive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silentMs);
      pauseMs = retryMsMin;
      onLink('live');
      isBack.resolve();
    };
    // What ended before the stream was open is looked up when it is: between the two nothing is lost.
    void isBack.promise
      .then(() => catchUp(client, new Date(heardAt).toISOString(), { signal, onEvent }))
      .catch(() => undefined); // the next break looks again
    try {
      for await (const event of client.live({ signal: AbortSignal.any([signal, silence.signal]), onAlive })) {
        heardAt = Date.now() - clockSkewMs;
        onEvent(event);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isLoomError(error) && error.code === 'unauthenticated') {
        window.location.assign(`/sign-in?over=1&next=${encodeURIComponent(window.location.pathname)}`);
        return;
      }
    } finally {
      clearTimeout(timer);
    }
    onLink('broken');
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(retryMsMax, pauseMs * 2);
  }
}

const noTokens = {
  ...{ inputTokens: 0, cacheReadInputTokens: 0, cacheWriteInputTokens: 0, inputAudioTokens: 0 },
  ...{ outputTokens: 0, reasoningOutputTokens: 0, outputAudioTokens: 0 },
};

/** Tells what was not heard since a time, until the store has taken in all that was behind when the link came back. */
async function catchUp(
  client: LoomClient,
  since: string,
  { signal, onEvent }: Pick<Follower, 'onEvent'> & { readonly signal: AbortSignal },
): Promise<void> {
  for (let look = 0; look < looksMax && !signal.aborted; look += 1) {
    const { ingestLagRecords } = await client.getFreshness({ signal });
    (await missed(client, since, signal)).forEach(onEvent);
    if (!ingestLagRecords) return;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

/** Ends of calls since a time, as the events that were not heard. */
async function missed(client: LoomClient, since: string, signal: AbortSignal): Promise<LiveEvent[]> {
  const { traces } = await client.listTraces({ query: { from: since, limit: backfillMax }, signal });
  return traces.toReversed().flatMap(({ traceId, span, totalUsd, totalTokens, costState }): LiveEvent[] => {
    const place = { traceId, spanId: span.spanId, callId: '' };
    const { startTime, operation, provider, requestModel, streamed, keyId, userId, sessionId, inputPreview } =
      span;
    return [
      {
        type: 'call.accepted',
        time: startTime,
        startTime,
        ...place,
        operation,
        provider,
        requestModel,
        routedModel: requestModel,
        streamed,
        keyId,
        userId,
        sessionId,
        inputPreview,
      },
      {
        ...{
          type: 'call.ended',
          time: startTime,
          ...place,
          outcome: span.outcome,
          status: span.status,
          operation,
          provider,
          requestModel,
        },
        ...{
          responseModel: span.responseModel,
          streamed,
          durationMs: span.durationMs,
          timeToFirstChunkMs: span.timeToFirstChunkMs,
        },
        ...{ usage: { ...noTokens, totalTokens }, finishReasons: [], keyId, userId, sessionId },
        error: span.errorType === null ? null : { type: span.errorType, message: '', code: null },
      },
      ...((costState === 'priced' || costState === 'partial') && totalUsd !== null
        ? [
            {
              type: 'cost.computed' as const,
              time: startTime,
              ...place,
              state: costState,
              reason: '',
              totalUsd,
            },
          ]
        : []),
    ];
  });
}
