import { argumentsObject } from '../neutral/arguments-object.ts';
import { sayable } from '../neutral/assistant-media.ts';
import { instructionText } from '../neutral/instruction.ts';
import type {
  NeutralAssistantBlock,
  NeutralRequest,
  NeutralSource,
  NeutralTool,
  NeutralToolChoice,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import { openedByUser, spokenTurns, withoutBlanks, withUserTurn } from '../neutral/spoken-turns.ts';
import { cannotCarry } from '../neutral/request-builder.ts';
import { objectSchema } from '../neutral/object-schema.ts';
import { samplingOf, thinkingOf } from '../anthropic-messages/thinking.ts';

/*
 * A request of Bedrock's Converse API (the model is in the path):
 *
 *   { messages: { role: user | assistant, content: block[] }[], system?: ( { text } | cachePoint )[],
 *     inferenceConfig?: { maxTokens, temperature, topP, stopSequences },
 *     toolConfig?: { tools: ( { toolSpec: { name, description?, inputSchema: { json } } } | cachePoint )[],
 *                    toolChoice?: { auto: {} } | { any: {} } | { tool: { name } } },
 *     additionalModelRequestFields?: { … }        what only this model knows: thinking and top_k of Anthropic's
 *     requestMetadata?: { … } }
 *   block: { text } | { image: { format, source: { bytes } } } | { document: { format, name, source: { bytes } } }
 *        | { toolUse: { toolUseId, name, input } } | { toolResult: { toolUseId, content, status? } }
 *        | { reasoningContent: { reasoningText: { text, signature } } | { redactedContent } } | cachePoint
 *   cachePoint: { cachePoint: { type: default } }    after what is to be cached
 */

const provider = "Bedrock's Converse API";
/** 200 in all, with a number. */
const documentNameLengthMax = 190;
const cachePoint = { cachePoint: { type: 'default' } };

/** Writes the request for a model on Bedrock. */
export function writeConverseRequest(
  given: NeutralRequest,
  drop: (path: string) => void,
): Readonly<Record<string, unknown>> {
  const request = withDocumentNames(openedByUser(withUserTurn(withoutBlanks(given))));
  const { maxTokens, fields, sampling } = modelFields(request, drop);
  const inference = {
    ...(maxTokens === null ? {} : { maxTokens }),
    ...(sampling.temperature === null ? {} : { temperature: sampling.temperature }),
    ...(sampling.topP === null ? {} : { topP: sampling.topP }),
    ...(request.stop.length > 0 ? { stopSequences: request.stop } : {}),
  };
  return {
    messages: spokenTurns(request.messages, (message) =>
      sayable(message, drop).flatMap((block) => [
        ...writeBlock(block, request, drop),
        ...('cacheControl' in block && block.cacheControl ? [cachePoint] : []),
      ]),
    ).map(({ role, blocks }) => ({ role, content: withText(blocks) })),
    ...(request.system.length > 0
      ? {
          system: request.system.flatMap(({ text, cacheControl }) => [
            { text },
            ...(cacheControl ? [cachePoint] : []),
          ]),
        }
      : {}),
    ...(Object.keys(inference).length > 0 ? { inferenceConfig: inference } : {}),
    ...writeTools(request, drop),
    ...(Object.keys(fields).length > 0 ? { additionalModelRequestFields: fields } : {}),
  };
}

// Bedrock hands these on to the model as they are, so they are of the model's maker.
function modelFields(
  request: NeutralRequest,
  drop: (path: string) => void,
): {
  maxTokens: number | null;
  fields: Readonly<Record<string, unknown>>;
  sampling: Pick<NeutralRequest, 'temperature' | 'topP'>;
} {
  const { model, features, defaults, maxOutputTokens } = request;
  if (!/anthropic|claude/.test(model)) {
    const path = features.get('top_k') ?? 'top_k';
    if (defaults.has('top_k')) drop(path);
    else if (request.topK !== null)
      throw cannotCarry(path, provider, 'takes it for models of Anthropic only');
    if (request.reasoning) drop(features.get('reasoning') ?? 'reasoning');
    return { maxTokens: maxOutputTokens, fields: {}, sampling: request };
  }
  const thinking = thinkingOf(request, provider, drop);
  const sampling = samplingOf(request, drop, thinking !== null);
  const effort = thinking?.members.effort;
  return {
    maxTokens: thinking?.maxTokens ?? maxOutputTokens,
    fields: {
      ...(sampling.topK === null ? {} : { top_k: sampling.topK }),
      ...(thinking ? { thinking: thinking.members.thinking } : {}),
      ...(effort === undefined ? {} : { output_config: { effort } }),
    },
    sampling,
  };
}

/*
 * Converse refuses a conversation with calls whose request has no tools: "The toolConfig field must be defined when using
 * toolUse and toolResult content blocks". It has no choice of "none"; without calls, a request without tools is the same.
 */
function writeTools(request: NeutralRequest, drop: (path: string) => void): object {
  const called = calledTools(request);
  const isForbidden = request.toolChoice?.type === 'none';
  if (isForbidden && called.length > 0) drop(request.features.get('tool_choice') ?? 'tool_choice');
  const tools = request.tools.length > 0 ? request.tools : called;
  const toolChoice = isForbidden ? null : request.toolChoice;
  if (tools.length === 0 || (isForbidden && called.length === 0)) return {};
  return {
    toolConfig: {
      tools: tools.flatMap((tool) => [
        { toolSpec: toolSpec(tool) },
        ...(tool.cacheControl ? [cachePoint] : []),
      ]),
      ...(toolChoice === null ? {} : { toolChoice: writeToolChoice(toolChoice) }),
    },
  };
}

function calledTools({ messages }: NeutralRequest): NeutralTool[] {
  const names = messages.flatMap(({ content }) =>
    content.flatMap((block) => (block.type === 'tool-call' ? [block.name] : [])),
  );
  return [...new Set(names)].map((name) => ({ name, description: null, parameters: null, strict: null }));
}

function toolSpec({ name, description, parameters }: NeutralTool): object {
  return {
    name,
    ...(description === null ? {} : { description }),
    inputSchema: { json: objectSchema(parameters) },
  };
}

function writeToolChoice(choice: NeutralToolChoice): object {
  if (choice.type === 'tool') return { tool: { name: choice.name } };
  return choice.type === 'required' ? { any: {} } : { auto: {} };
}

function writeBlock(
  block: NeutralUserBlock | NeutralAssistantBlock,
  request: NeutralRequest,
  drop: (path: string) => void,
): object[] {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return [{ text: block.text }];
    case 'instruction':
      return [{ text: instructionText(block) }];
    case 'image':
      return [
        { image: { format: formatOf(block.source, request, 'image.url'), source: bytesOf(block.source) } },
      ];
    case 'file': {
      const format = formatOf(block.source, request, 'file.url');
      return [{ document: { format, name: block.name, source: bytesOf(block.source) } }];
    }
    case 'audio':
      throw cannotCarry(request.features.get('audio') ?? 'input_audio', provider);
    case 'tool-call': {
      const { id: toolUseId, name } = block;
      return [{ toolUse: { toolUseId, name, input: argumentsObject(block.arguments) } }];
    }
    case 'tool-result':
      return [
        {
          toolResult: {
            toolUseId: block.callId,
            content: block.content.flatMap((part) => writeBlock(part, request, drop)),
            ...(block.isError ? { status: 'error' } : {}),
          },
        },
      ];
    case 'reasoning': {
      const { text, signature, encrypted } = block;
      if (encrypted !== null) return [{ reasoningContent: { redactedContent: encrypted } }];
      if (signature !== null) return [{ reasoningContent: { reasoningText: { text, signature } } }];
      drop(request.features.get('reasoning_history') ?? 'reasoning');
      return [];
    }
  }
}

const formats: Readonly<Record<string, string>> = {
  ...{ 'image/jpeg': 'jpeg', 'image/png': 'png', 'image/gif': 'gif', 'image/webp': 'webp' },
  ...{
    'application/pdf': 'pdf',
    'text/csv': 'csv',
    'text/html': 'html',
    'text/plain': 'txt',
    'text/markdown': 'md',
  },
};

function formatOf(
  source: NeutralSource,
  { features }: NeutralRequest,
  feature: 'image.url' | 'file.url',
): string {
  const path = features.get(feature) ?? 'messages';
  if (source.type === 'url') throw cannotCarry(path, provider, 'takes files inline only');
  const format = formats[source.mediaType];
  if (format !== undefined) return format;
  throw cannotCarry(path, provider, `takes no ${source.mediaType}`);
}

function bytesOf(source: NeutralSource): object {
  return { bytes: source.type === 'data' ? source.data : '' };
}

// "Messages can't contain duplicate document names": not in the whole conversation.
function withDocumentNames(request: NeutralRequest): NeutralRequest {
  const used = new Set<string>();
  const named = <Block extends NeutralUserBlock>(block: Block): Block => {
    if (block.type === 'tool-result') return { ...block, content: block.content.map(named) };
    if (block.type !== 'file') return block;
    const base = documentName(block.name);
    let name = base;
    for (let number = 2; used.has(name.toLowerCase()); number += 1) name = `${base} ${number}`;
    used.add(name.toLowerCase());
    return { ...block, name };
  };
  const messages = request.messages.map((message) =>
    message.role === 'user' ? { role: message.role, content: message.content.map(named) } : message,
  );
  return { ...request, messages };
}

// Only letters, digits, single blanks, hyphens and brackets are allowed, and a name is needed.
function documentName(name: string | null): string {
  const cleaned = (name ?? '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[^A-Za-z0-9 ()[\]-]+/g, '-')
    .slice(0, documentNameLengthMax)
    .trim();
  return cleaned === '' ? 'document' : cleaned;
}

// "If you include a ContentBlock with a document field in the array, you must also include a ContentBlock with a text field."
function withText(blocks: readonly object[]): readonly object[] {
  const hasDocument = blocks.some((block) => 'document' in block);
  return hasDocument && !blocks.some((block) => 'text' in block)
    ? [...blocks, { text: '(document)' }]
    : blocks;
}
