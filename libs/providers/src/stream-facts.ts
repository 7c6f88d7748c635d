import type { AnswerFacts } from './answer-facts.ts';
import type { WireEvent } from './neutral/halves.ts';
import { sseData } from './sse.ts';

/**
 * Reads the facts of a stream from its events, in order, as they come. Stateful, one per answer; it keeps facts and no
 * text. It alone decides whether the provider said that its answer is whole.
 */
export interface StreamFacts {
  /** Whether the text of some whole events may hold a fact. A test of the text: nothing is parsed. */
  mayHold(events: string): boolean;
  /** Reads one event; one that is malformed is passed over. */
  push(event: WireEvent): void;
  facts(): AnswerFacts;
}

/** The facts of a stream that is all there, or of the part of it that is. */
export function factsOfStream(bytes: Buffer, reader: StreamFacts): AnswerFacts {
  for (const data of sseData(bytes)) if (reader.mayHold(data)) reader.push({ name: '', data });
  return reader.facts();
}
