import { isLoomError } from '@loom/errors';
import { framingOf } from './framing.ts';
import { parseRecord } from './json-values.ts';
import type { ProviderHalf } from './neutral/halves.ts';
import { foldAnswer, type NeutralAnswer, type NeutralEvent } from './neutral/neutral-answer.ts';
import type { AnswerFacts } from './answer-facts.ts';
import type { Wire } from './wires.ts';

/** The events of an answer that is all there, as far as it can be read: half a stream gives what half of it says. */
export function eventsOfAnswer(provider: ProviderHalf, bytes: Buffer, stream: boolean): NeutralEvent[] {
  try {
    if (!stream) return provider.readAnswer(parseRecord(bytes.toString('utf8')));
  } catch (error) {
    if (isLoomError(error)) return []; // an error's body, or a broken one, is no answer
    throw error;
  }
  const framing = framingOf(provider.framing);
  const reader = provider.streamReader();
  const events: NeutralEvent[] = [];
  try {
    for (const event of [...framing.push(bytes), ...framing.end()]) events.push(...reader.push(event));
    events.push(...reader.end());
  } catch (error) {
    if (!isLoomError(error)) throw error;
  }
  return events;
}

/** How answers are read of an API that no caller speaks: by way of the neutral form. */
export function neutralWire(provider: ProviderHalf): Wire {
  const answerOf = (bytes: Buffer, stream: boolean) => foldAnswer(eventsOfAnswer(provider, bytes, stream));
  return {
    ...{ name: provider.wire, framing: provider.framing },
    readFacts: (bytes, stream) => {
      const answer = answerOf(bytes, stream);
      const error =
        answer.error ??
        (stream || answer.ended ? null : provider.readError(parseRecord(bytes.toString('utf8'))));
      return factsOf({ ...answer, error });
    },
    readTailUsage: () => null,
    answerText: (bytes, stream) => textOf(answerOf(bytes, stream)),
    assemble: (bytes, stream) => (stream ? null : parseRecord(bytes.toString('utf8'))),
  };
}

function factsOf({ id, model, finish, serviceTier, usage, error, ended }: NeutralAnswer): AnswerFacts {
  return {
    ...{ responseId: id, responseModel: model, serviceTier, systemFingerprint: null, usage, error },
    usageIsPartial: false,
    finishReasons: finish ? [finish.said ?? finish.reason] : [],
    ended: ended || error !== null,
  };
}

function textOf({ content }: NeutralAnswer): string {
  const parts = content.map((block) =>
    block.type === 'tool-call' ? `${block.name} ${block.arguments}` : block.text,
  );
  return parts.filter((part) => part !== '').join('\n');
}
