import type { Payload } from '@loom/trace-schema';
import { decodePayload } from './decode-payload.ts';
import { requestText } from './request-text.ts';
import { previewLengthMax } from './rows.ts';

/** What the search and the lists know of one part of a call. Ingest derives it, and a check of the record derives it again. */
export interface PartWords {
  readonly text: string;
  readonly preview: string;
}

/** Returns what the model said, from an answer's raw bytes; '' when there is nothing to read. */
export type ReadAnswerText = (wire: string, bytes: Buffer, stream: boolean) => string;

type EncodedPayload = Pick<Payload, 'codec' | 'keyId' | 'data'>;

/** Characters of one part of a call that can be searched. */
const searchTextLengthMax = 200_000;

export function requestWords(request: EncodedPayload): PartWords {
  const plain = decodePayload(request);
  const { text, lastUserText } = plain ? requestText(plain) : { text: '', lastUserText: '' };
  return wordsOf(text, lastUserText === '' ? text : lastUserText);
}

export function answerWords(
  response: EncodedPayload | null,
  { wire, dialect, stream }: { readonly wire: string; readonly dialect: string; readonly stream: boolean },
  answerText: ReadAnswerText,
): PartWords {
  const plain = response && decodePayload(response);
  const text = plain ? answerText(wire === '' ? dialect : wire, plain, stream) : '';
  return wordsOf(text, text);
}

/** Returns a text as the store keeps it: the search does not regard case. */
export function storedText(text: string): string {
  return text.toLowerCase().toWellFormed();
}

function wordsOf(text: string, shown: string): PartWords {
  return { text: text.slice(0, searchTextLengthMax), preview: shown.slice(0, previewLengthMax) };
}
