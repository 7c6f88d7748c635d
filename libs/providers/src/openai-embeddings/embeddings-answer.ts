import { type AnswerFacts, newFacts, toFacts } from '../answer-facts.ts';
import { readProviderError } from '../provider-error.ts';
import { isRecordList, parseRecord, text } from '../json-values.ts';
import { readChatUsage } from '../openai-chat/chat-usage.ts';

/** Reads the facts of an answer of the embeddings API: `{ object: "list", data: [{ embedding }], model, usage }`. */
export function readEmbeddingsFacts(bytes: Buffer): AnswerFacts {
  const facts = newFacts();
  const body = parseRecord(bytes.toString('utf8'));
  if (!body) return toFacts(facts);
  facts.responseModel = text(body.model);
  facts.usage = readChatUsage(body.usage);
  facts.error = readProviderError(body.error);
  facts.ended = isRecordList(body.data) || facts.error !== null;
  return toFacts(facts);
}
