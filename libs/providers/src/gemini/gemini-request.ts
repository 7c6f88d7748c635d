import { parseRecord } from '../json-values.ts';
import { argumentsObject } from '../neutral/arguments-object.ts';
import { instructionText } from '../neutral/instruction.ts';
import { isEmptySchema, objectSchema } from '../neutral/object-schema.ts';
import type {
  NeutralAssistantBlock,
  NeutralRequest,
  NeutralSource,
  NeutralToolChoice,
  NeutralToolResult,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import { openedByUser, spokenTurns, withUserTurn } from '../neutral/spoken-turns.ts';
import { cannotCarry, typeOfName } from '../neutral/request-builder.ts';

/*
 * A request of the Gemini API, `models/<model>:generateContent`:
 *
 *   { contents: { role: user | model, parts: part[] }[], systemInstruction?: { parts },
 *     tools?: [{ functionDeclarations: { name, description?, parametersJsonSchema? }[] }],
 *     toolConfig?: { functionCallingConfig: { mode: AUTO | ANY | NONE | VALIDATED, allowedFunctionNames? } },
 *     generationConfig?: { temperature, topP, topK, maxOutputTokens, stopSequences, seed, presencePenalty, frequencyPenalty,
 *       responseMimeType, responseJsonSchema, responseLogprobs, logprobs,
 *       thinkingConfig: { includeThoughts, thinkingBudget | thinkingLevel } } }
 *   part: { text, thought? } | { inlineData: { mimeType, data } } | { fileData: { fileUri } }
 *       | { functionCall: { name, args }, thoughtSignature? } | { functionResponse: { name, response } }
 *
 * Results find their call by the name of the function; ids of calls are Loom's.
 */

const provider = 'the Gemini API';
const budgets: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 512,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};
const levels: Readonly<Record<string, string>> = {
  minimal: 'minimal',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

/** From Gemini 3 on. */
const isNew = /gemini-(?:[3-9]|\d\d)/;

/**
 * Those refuse calls of their own past that come back without their signature, unless they say so. Of calls that were
 * made at once only the first has one.
 */
export const noSignature = 'skip_thought_signature_validator';

/** Writes the request for a Gemini model. */
export function writeGeminiRequest(
  given: NeutralRequest,
  drop: (path: string) => void,
): Readonly<Record<string, unknown>> {
  const request = openedByUser(withUserTurn(given));
  const config = generationConfig(request, drop);
  return {
    contents: spokenTurns(request.messages, ({ role, content }) => {
      const parts = content.flatMap((block) => writePart(block, request, drop));
      return role === 'user' ? parts : sign(parts, request);
    }).map(({ role, blocks }) => ({ role: role === 'user' ? 'user' : 'model', parts: blocks })),
    ...(request.system.length > 0
      ? { systemInstruction: { parts: request.system.map(({ text }) => ({ text })) } }
      : {}),
    ...(request.tools.length > 0
      ? {
          tools: [
            {
              functionDeclarations: request.tools.map(({ name, description, parameters }) => ({
                name,
                ...(description === null ? {} : { description }),
                // A schema of an object without properties is refused; a function without one takes nothing.
                ...(isEmptySchema(parameters) ? {} : { parametersJsonSchema: objectSchema(parameters) }),
              })),
            },
          ],
        }
      : {}),
    ...writeToolConfig(request),
    ...(Object.keys(config).length > 0 ? { generationConfig: config } : {}),
  };
}

function generationConfig(
  request: NeutralRequest,
  drop: (path: string) => void,
): Readonly<Record<string, unknown>> {
  const { responseFormat } = request;
  return {
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { topP: request.topP }),
    ...(request.topK === null ? {} : { topK: request.topK }),
    ...(request.maxOutputTokens === null ? {} : { maxOutputTokens: request.maxOutputTokens }),
    ...(request.stop.length > 0 ? { stopSequences: request.stop } : {}),
    ...(request.seed === null ? {} : { seed: request.seed }),
    ...(request.presencePenalty === null ? {} : { presencePenalty: request.presencePenalty }),
    ...(request.frequencyPenalty === null ? {} : { frequencyPenalty: request.frequencyPenalty }),
    ...(responseFormat === null ? {} : { responseMimeType: 'application/json' }),
    ...(responseFormat?.type === 'schema' ? { responseJsonSchema: responseFormat.schema } : {}),
    ...(request.topLogprobs === null ? {} : { responseLogprobs: true, logprobs: request.topLogprobs }),
    ...thinkingConfig(request, drop),
  };
}

/** ai.google.dev/gemini-api/docs/thinking: older models refuse the member. */
const thinks = /gemini-(?:2\.[5-9]|[3-9]|\d\d|flash-latest|flash-lite-latest|pro-latest)/;
/** Models that cannot be kept from thinking, and the least of it. */
const least = (model: string): object => {
  if (!isNew.test(model)) return { thinkingBudget: /2\.5-pro/.test(model) ? 128 : 0 };
  return { thinkingLevel: /flash/.test(model) ? 'minimal' : 'low' };
};

function thinkingConfig(
  { reasoning, model, features }: NeutralRequest,
  drop: (path: string) => void,
): object {
  if (!reasoning) return {};
  const path = features.get('reasoning') ?? 'reasoning';
  const { effort, budgetTokens, isOptional } = reasoning;
  if (isOptional && /gemini-(?:1|2\.0)/.test(model)) {
    drop(path);
    return {};
  }
  if (effort === 'none' && thinks.test(model)) {
    const amount = least(model);
    if (!('thinkingBudget' in amount && amount.thinkingBudget === 0)) drop(path);
    return { thinkingConfig: { includeThoughts: false, ...amount } };
  }
  // The model decides how much: it does so where nothing is said.
  if (effort === null && budgetTokens === null) return { thinkingConfig: { includeThoughts: true } };
  const level = levels[effort ?? 'medium'];
  const isByLevel = isNew.test(model) && budgetTokens === null && level !== undefined;
  const thinkingBudget = budgetTokens ?? budgets[effort ?? 'medium'];
  if (!isByLevel && thinkingBudget === undefined)
    throw cannotCarry(path, provider, `knows no effort "${String(effort)}"`);
  const amount = isByLevel ? { thinkingLevel: levelOf(level, model) } : { thinkingBudget };
  return { thinkingConfig: { includeThoughts: thinkingBudget !== 0, ...amount } };
}

// The first Pro models of Gemini 3 know two levels.
function levelOf(level: string, model: string): string {
  if (!/gemini-3-pro/.test(model)) return level;
  return level === 'minimal' || level === 'low' ? 'low' : 'high';
}

// Calls that the model must make follow their schema; those that it may make do so in the mode VALIDATED alone.
function writeToolConfig({ tools, toolChoice }: NeutralRequest): object {
  const isStrict = tools.some(({ strict }) => strict === true);
  const choice: NeutralToolChoice | null = toolChoice ?? (isStrict ? { type: 'auto' } : null);
  if (choice === null) return {};
  const functionCallingConfig =
    choice.type === 'tool'
      ? { mode: 'ANY', allowedFunctionNames: [choice.name] }
      : { mode: { auto: isStrict ? 'VALIDATED' : 'AUTO', none: 'NONE', required: 'ANY' }[choice.type] };
  return { toolConfig: { functionCallingConfig } };
}

function writePart(
  block: NeutralUserBlock | NeutralAssistantBlock,
  request: NeutralRequest,
  drop: (path: string) => void,
): object[] {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return block.text === '' ? [] : [{ text: block.text }];
    case 'instruction':
      return [{ text: instructionText(block) }];
    case 'image':
      return [writeSource(block.source, 'image/*')];
    case 'file':
      return [writeSource(block.source, 'application/pdf')];
    case 'audio':
      return [{ inlineData: { mimeType: `audio/${block.format}`, data: block.data } }];
    case 'tool-call':
      return [
        {
          functionCall: { name: block.name, args: argumentsObject(block.arguments) },
          ...(block.signature === undefined ? {} : { thoughtSignature: block.signature }),
        },
      ];
    case 'tool-result':
      return writeToolResult(block, request);
    case 'reasoning':
      // Thoughts are summaries, of no use to the model; what counts are the signatures of calls.
      drop(request.features.get('reasoning_history') ?? 'reasoning');
      return [];
  }
}

function sign(parts: readonly object[], { model }: NeutralRequest): readonly object[] {
  const first = parts.findIndex((part) => 'functionCall' in part);
  const call = parts[first];
  if (!call || 'thoughtSignature' in call || !isNew.test(model)) return parts;
  return parts.with(first, { ...call, thoughtSignature: noSignature });
}

function writeSource(source: NeutralSource, mediaType: string): object {
  return source.type === 'data'
    ? { inlineData: { mimeType: source.mediaType, data: source.data } }
    : { fileData: { fileUri: source.url, mimeType: typeOfName(source.url) ?? mediaType } };
}

// A result is an object here: one that is JSON already stays as it is.
function writeToolResult(result: NeutralToolResult, request: NeutralRequest): object[] {
  if (result.name === '')
    throw cannotCarry(
      `tool result ${result.callId}`,
      provider,
      'needs the call that it belongs to, and it is not in the messages',
    );
  const text = result.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
  const response = result.isError ? { error: text } : (parseRecord(text) ?? { result: text });
  const others = result.content.filter((part) => part.type !== 'text');
  return [
    { functionResponse: { name: result.name, response } },
    ...others.flatMap((part) => writePart(part, request, () => undefined)),
  ];
}
