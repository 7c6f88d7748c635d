import { canonicalJson } from './canonical-json.ts';

/**
 * What the trace store shows of a call and its envelope does not: of the person, in the caller's words, or measured. The
 * part `meta` of a leaf is committed to it, so that none of it can be changed later; erasing the bucket takes it back.
 */
export interface CallMeta {
  readonly userId: string;
  readonly sessionId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly responseModel: string;
  readonly responseId: string;
  readonly finishReasons: readonly string[];
  readonly errorType: string;
  readonly errorMessage: string;
  /** Unix nanoseconds. */
  readonly startTime: string;
  readonly durationNanos: number;
  readonly timeToFirstChunkNanos: number | null;
  readonly deliveredBytes: number;
}

/** The one text of it: of the event, and of what the trace store gives back. */
export function writeCallMeta(meta: CallMeta): string {
  const { userId, sessionId, metadata, responseModel, responseId, finishReasons, errorType, startTime } =
    meta;
  const { errorMessage, durationNanos, timeToFirstChunkNanos, deliveredBytes } = meta;
  const words = { userId, sessionId, responseModel, responseId, errorType, errorMessage };
  return canonicalJson({
    ...wellFormed(words),
    metadata: wellFormed(metadata),
    finishReasons: finishReasons.map((reason) => reason.toWellFormed()),
    ...{ startTime, durationNanos, timeToFirstChunkNanos, deliveredBytes },
  });
}

function wellFormed(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name.toWellFormed(), text.toWellFormed()]),
  );
}
