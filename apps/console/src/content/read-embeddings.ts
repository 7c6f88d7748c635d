import type { ConversationReader, Part } from './conversation.ts';
import { isJson, list, other, partsOf, turn, words } from './read-parts.ts';

const inputsShown = 20;
const numbersShown = 8;

/** Embeddings: the texts that went in, and of the vectors only how many and how long they are. */
export const readEmbeddings: ConversationReader = (request, response) => {
  const { input } = request;
  const vectors = vectorsOf(list(response['data']));
  return [
    ...(input === undefined || input === null ? [] : [turn('input', inputsOf(input), false)]),
    ...(vectors ? [turn('embeddings', [vectors], true)] : []),
  ];
};

/** The same of the Gemini API: `requests` with a content each in, `embeddings` out; or one of each. */
export const readGeminiEmbeddings: ConversationReader = (request, response) => {
  const requests = 'content' in request ? [request] : list(request['requests']);
  const embeddings = 'embedding' in response ? [response['embedding']] : list(response['embeddings']);
  const input = requests.map((one) => {
    const content = isJson(one) && isJson(one['content']) ? one['content'] : {};
    return list(content['parts'])
      .map((part) => (isJson(part) ? words(part['text']) : ''))
      .join('\n');
  });
  const data = embeddings.map((one) => ({ embedding: isJson(one) ? one['values'] : null }));
  return readEmbeddings(input.length > 0 ? { input } : {}, { data });
};

function inputsOf(input: unknown): Part[] {
  if (typeof input === 'string') return partsOf(input);
  const inputs = list(input);
  if (!inputs.every((one) => typeof one === 'string')) return [other('tokens', input)];
  const rest = inputs.slice(inputsShown);
  return [
    ...inputs.slice(0, inputsShown).flatMap((one) => partsOf(one)),
    ...(rest.length > 0 ? [other(`${rest.length} more inputs`, rest)] : []),
  ];
}

function vectorsOf(data: readonly unknown[]): Part | null {
  const [first] = data;
  if (!isJson(first)) return null;
  const { embedding } = first;
  if (typeof embedding === 'string') {
    const bytes = Math.floor((embedding.replace(/=+$/, '').length * 3) / 4); // four of them are one number
    return { kind: 'vectors', count: data.length, dimensions: Math.floor(bytes / 4), first: [] };
  }
  const numbers = list(embedding).filter((one) => typeof one === 'number');
  return {
    ...{ kind: 'vectors', count: data.length, dimensions: numbers.length },
    first: numbers.slice(0, numbersShown),
  };
}
