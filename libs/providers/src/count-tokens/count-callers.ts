import { anthropicClient } from '../anthropic-messages/messages-client.ts';
import { estimateUsage, splitByDensity } from '../estimate.ts';
import { geminiClient } from '../gemini/gemini-client.ts';
import { camelMembers } from '../gemini/gemini-members.ts';
import { parseRecord, record } from '../json-values.ts';
import type { ClientHalf } from '../neutral/halves.ts';

type Body = Readonly<Record<string, unknown>>;

/** A dialect in which callers have tokens counted. */
export interface CountCaller {
  readonly dialect: string;
  /** Of the requests that are counted. */
  readonly client: ClientHalf;
  /** The request that is counted, in a request for its count. */
  countedOf(bytes: Buffer): Buffer;
  answerOf(tokens: number): Body;
  /** About how many tokens the model reads. */
  estimate(bytes: Buffer): number;
}

/** docs.claude.com/en/api/messages-count-tokens: { model, messages, system?, tools?, … } → { input_tokens }. */
const anthropicCaller: CountCaller = {
  ...{ dialect: 'anthropic-count-tokens', client: anthropicClient },
  countedOf: (bytes) => bytes,
  answerOf: (tokens) => ({ input_tokens: tokens }),
  estimate: (bytes) => {
    const { system, messages, tools } = parseRecord(bytes.toString('utf8')) ?? {};
    return estimateTokens([system, messages, tools]);
  },
};

/** ai.google.dev/api/tokens: { contents } or { generateContentRequest: { model, contents, … } } → { totalTokens }. */
const geminiCaller: CountCaller = {
  ...{ dialect: 'gemini-count-tokens', client: geminiClient },
  countedOf: (bytes) => {
    const body = camelMembers(parseRecord(bytes.toString('utf8')) ?? {});
    const counted = record(body.generateContentRequest);
    return counted ? Buffer.from(JSON.stringify(counted)) : bytes;
  },
  answerOf: (tokens) => ({ totalTokens: tokens }),
  estimate: (bytes) => {
    const counted = parseRecord(geminiCaller.countedOf(bytes).toString('utf8')) ?? {};
    const { systemInstruction, contents, tools } = camelMembers(counted);
    return estimateTokens([systemInstruction, contents, tools]);
  },
};

export const countCallers: readonly CountCaller[] = [anthropicCaller, geminiCaller];

/** What an image or a document amounts to. Tokens; docs.claude.com, "Vision": about 1,600 for the largest image. */
const mediaTokens = 1600;

function estimateTokens(read: readonly unknown[]): number {
  let media = 0;
  const text = JSON.stringify(read, (_name, value: unknown) => {
    if (!isMedia(record(value) ?? {})) return value;
    media += 1;
    return undefined;
  });
  const { ascii, other } = splitByDensity(Buffer.byteLength(text), text.length);
  const counts = { inputAscii: ascii, inputOther: other, outputAscii: 0, outputOther: 0 };
  return estimateUsage(counts).inputTokens + media * mediaTokens;
}

function isMedia(part: Body): boolean {
  return (
    ['image', 'document'].includes(String(part.type)) ||
    ['inlineData', 'inline_data'].some((name) => name in part)
  );
}
