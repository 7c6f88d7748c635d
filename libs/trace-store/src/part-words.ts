import type { Payload } from '@loom/trace-schema';
import { decodePayload } from './decode-payload.ts';
import { requestText } from './request-text.ts';
import { previewLengthMax } from './rows.ts';

/** What the search and the lists know of one part of a call. Ingest derives it, and a check of the record derives it again. */
export interface PartWords {
  readonly text: string;
  /** What earlier versions derived in place of `text`, in the form that they stored: rows of theirs are still right. */
  readonly formerText: string;
  readonly preview: string;
}

/** Returns what the model said, from an answer's raw bytes; '' when there is nothing to read. */
export type ReadAnswerText = (wire: string, bytes: Buffer, stream: boolean) => string;

type EncodedPayload = Pick<Payload, 'codec' | 'keyId' | 'data'>;

/** Characters of one part of a call that can be searched, and could be in earlier versions. */
const searchTextLengthMax = 2_000_000;
const formerTextLengthMax = 200_000;

/** A word at the end of a text that has more than can be searched. */
export const cutMark = 'loom9cut9mark';

export function requestWords(request: EncodedPayload): PartWords {
  const plain = decodePayload(request);
  if (!plain) return wordsWithout(request);
  const { text, lastUserText } = readable(() => requestText(plain), noText);
  return wordsOf(text, lastUserText === '' ? text : lastUserText);
}

export function answerWords(
  response: EncodedPayload | null,
  { wire, dialect, stream }: { readonly wire: string; readonly dialect: string; readonly stream: boolean },
  answerText: ReadAnswerText,
): PartWords {
  const plain = response && decodePayload(response);
  if (!plain) return wordsWithout(response);
  const text = readable(() => answerText(wire === '' ? dialect : wire, plain, stream), '');
  return wordsOf(text, text);
}

const noText = { text: '', lastUserText: '' };

/** Words that cannot be read, whatever the reason, are not worth the rows of their call. */
function readable<Words>(read: () => Words, otherwise: Words): Words {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function wordsOf(text: string, shown: string): PartWords {
  const isCut = text.length > searchTextLengthMax;
  return {
    text: isCut ? `${text.slice(0, searchTextLengthMax)} ${cutMark}` : text,
    formerText: text.slice(0, formerTextLengthMax).toLowerCase().toWellFormed(),
    preview: shown.slice(0, previewLengthMax),
  };
}

/** Of a payload that was too large for its event nothing is searched; an encrypted one has no words. */
function wordsWithout(payload: EncodedPayload | null): PartWords {
  const isTooLarge = payload !== null && payload.keyId === null && payload.data === null;
  return { text: isTooLarge ? cutMark : '', formerText: '', preview: '' };
}
