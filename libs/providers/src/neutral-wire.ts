import { isLoomError } from '@loom/errors';
import { isStream } from './answer-form.ts';
import { framingOf } from './framing.ts';
import { parseRecord } from './json-values.ts';
import type { ProviderHalf } from './neutral/halves.ts';
import { foldAnswer, type NeutralAnswer, type NeutralEvent } from './neutral/neutral-answer.ts';
import { type AnswerFacts, newFacts, toFacts } from './answer-facts.ts';
import type { Wire } from './wires.ts';

/** The events of an answer that is all there, as far as it can be read: half a stream gives what half of it says. */
export function eventsOfAnswer(provider: ProviderHalf, bytes: Buffer, stream: boolean): NeutralEvent[] {
  try {
    if (!isStream(bytes, provider.framing, stream))
      return provider.readAnswer(parseRecord(bytes.toString('utf8')));
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
      const facts = new NeutralFacts();
      for (const event of eventsOfAnswer(provider, bytes, stream)) facts.push(event);
      const read = facts.facts();
      if (stream || read.ended) return read;
      const error = provider.readError(jsonOf(bytes));
      return { ...read, error, ended: error !== null };
    },
    readTailUsage: () => null,
    answerText: (bytes, stream) => textOf(answerOf(bytes, stream)),
    assemble: (bytes, stream) => (stream ? null : parseRecord(bytes.toString('utf8'))),
  };
}

// Google tells an error in a list of one.
function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''));
  } catch {
    return null;
  }
}

/** The facts of the neutral events of an answer. It keeps no text. */
export class NeutralFacts {
  readonly #facts = newFacts();

  push(event: NeutralEvent): void {
    const facts = this.#facts;
    switch (event.type) {
      case 'start':
        facts.responseId ??= event.id;
        facts.responseModel ??= event.model;
        break;
      case 'finish':
        facts.finishReasons.clear();
        facts.finishReasons.add(event.said ?? event.reason);
        break;
      case 'usage':
        facts.usage = event.usage;
        facts.usageIsPartial = event.isPartial === true;
        facts.serviceTier = event.serviceTier ?? facts.serviceTier;
        break;
      case 'error':
        facts.error ??= event.error;
        facts.ended = true;
        break;
      case 'end':
        facts.ended = true;
        break;
      default:
    }
  }

  facts(): AnswerFacts {
    const facts = toFacts(this.#facts);
    return { ...facts, usageIsPartial: facts.usageIsPartial && !facts.ended };
  }
}

function textOf({ content }: NeutralAnswer): string {
  const parts = content.map((block) => {
    switch (block.type) {
      case 'tool-call':
        return `${block.name} ${block.arguments}`;
      case 'image':
        return '[image]';
      case 'audio':
        return '[audio]';
      default:
        return block.text;
    }
  });
  return parts.filter((part) => part !== '').join('\n');
}
