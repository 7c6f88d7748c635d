import { argumentsObject } from '../neutral/arguments-object.ts';
import { sayable } from '../neutral/assistant-media.ts';
import { instructionText } from '../neutral/instruction.ts';
import type {
  NeutralAssistantBlock,
  NeutralCacheControl,
  NeutralFile,
  NeutralRequest,
  NeutralSource,
  NeutralTool,
  NeutralToolChoice,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import { spokenTurns, withoutBlanks, withUserTurn } from '../neutral/spoken-turns.ts';
import { objectSchema } from '../neutral/object-schema.ts';
import { cannotCarry } from '../neutral/request-builder.ts';
import { samplingOf, thinkingOf } from './thinking.ts';

/*
 * A request of the Anthropic Messages API:
 *
 *   { model, max_tokens, system?: text[], messages: { role: user | assistant, content: block[] }[],
 *     tools?: { name, description?, input_schema, strict? }[],
 *     tool_choice?: { type: auto | any | none | tool, name?, disable_parallel_tool_use? },
 *     thinking?: { type: enabled, budget_tokens } | { type: adaptive } | { type: disabled },      claude-generation.ts
 *     output_config?: { format: { type: json_schema, schema }, effort },
 *     temperature?, top_p?, top_k?, stop_sequences?, metadata?: { user_id }, service_tier?: auto | standard_only }
 *   block: text | image { source } | document { source, title? } | tool_use { id, name, input }
 *        | tool_result { tool_use_id, content, is_error? } | thinking { thinking, signature } | redacted_thinking { data }
 *   source: { type: base64, media_type, data } | { type: url, url } | { type: text, media_type: text/plain, data }
 *
 * Any block may carry cache_control { type: ephemeral, ttl? }. Empty texts are refused, so none is sent.
 */

const provider = "Anthropic's Messages API";

/** The answer's length must be said; where the caller says none, what all models of a family can do. */
function defaultMaxTokens(model: string): number {
  if (/claude-(?:2|instant|3-(?:opus|sonnet|haiku))/.test(model)) return 4096;
  return /claude-3-5/.test(model) ? 8192 : 16_384;
}

/** Writes the request for a model of Anthropic. */
export function writeMessagesRequest(
  given: NeutralRequest,
  drop: (path: string) => void,
): Readonly<Record<string, unknown>> {
  const request = withUserTurn(withoutBlanks(given));
  const thinking = thinkingOf(request, provider, drop);
  const { temperature, topP, topK } = samplingOf(request, drop, thinking !== null);
  if (temperature !== null && temperature > 1)
    throw cannotCarry(
      request.features.get('temperature') ?? 'temperature',
      provider,
      'takes a temperature from 0 to 1',
    );
  const { responseFormat } = request;
  return {
    model: request.model,
    max_tokens: thinking?.maxTokens ?? request.maxOutputTokens ?? defaultMaxTokens(request.model),
    ...(request.stream ? { stream: true } : {}),
    ...(request.system.length > 0 ? { system: request.system.map(textBlock) } : {}),
    messages: spokenTurns(request.messages, (message) =>
      sayable(message, drop).flatMap((block) => writeBlock(block, request, drop)),
    ).map(({ role, blocks }) => ({ role, content: blocks })),
    ...(request.tools.length > 0 ? { tools: request.tools.map(writeTool) } : {}),
    ...writeToolChoice(request.toolChoice, request.parallelToolCalls),
    ...(thinking ? { thinking: thinking.members.thinking } : {}),
    ...writeOutputConfig(responseFormat, thinking?.members.effort),
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(topK === null ? {} : { top_k: topK }),
    ...(request.stop.length > 0 ? { stop_sequences: request.stop } : {}),
    ...(request.endUser === null ? {} : { metadata: { user_id: request.endUser } }),
    ...writeServiceTier(request, drop),
  };
}

function writeOutputConfig(format: NeutralRequest['responseFormat'], effort: string | undefined): object {
  const config = {
    ...(format?.type === 'schema' ? { format: { type: 'json_schema', schema: format.schema } } : {}),
    ...(effort === undefined ? {} : { effort }),
  };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
}

function writeServiceTier({ serviceTier, features }: NeutralRequest, drop: (path: string) => void): object {
  if (serviceTier === null) return {};
  if (serviceTier === 'default' || serviceTier === 'standard_only') return { service_tier: 'standard_only' };
  drop(features.get('service_tier') ?? 'service_tier');
  return {};
}

function textBlock(block: { readonly text: string; readonly cacheControl?: NeutralCacheControl }): object {
  return { type: 'text', text: block.text, ...cacheControl(block) };
}

function writeBlock(
  block: NeutralUserBlock | NeutralAssistantBlock,
  request: NeutralRequest,
  drop: (path: string) => void,
): object[] {
  switch (block.type) {
    case 'text':
      return [textBlock(block)];
    case 'refusal':
      return [{ type: 'text', text: block.text }];
    case 'image':
      return [{ type: 'image', source: writeSource(block.source), ...cacheControl(block) }];
    case 'instruction':
      return [textBlock({ ...block, text: instructionText(block) })];
    case 'file':
      return [writeDocument(block)];
    case 'audio':
      throw cannotCarry(request.features.get('audio') ?? 'input_audio', provider);
    case 'tool-call':
      return [
        {
          ...{
            type: 'tool_use',
            id: block.id,
            name: block.name,
            input: argumentsObject(block.arguments),
          },
          ...cacheControl(block),
        },
      ];
    case 'tool-result':
      return [
        {
          ...{ type: 'tool_result', tool_use_id: block.callId },
          content: block.content.flatMap((part) => writeBlock(part, request, drop)),
          ...(block.isError ? { is_error: true } : {}),
          ...cacheControl(block),
        },
      ];
    case 'reasoning':
      return writeReasoning(block, request, drop);
  }
}

// Thinking that Anthropic has not signed is refused by it, so what another model has thought stays behind.
function writeReasoning(
  block: Extract<NeutralAssistantBlock, { type: 'reasoning' }>,
  { features }: NeutralRequest,
  drop: (path: string) => void,
): object[] {
  if (block.encrypted !== null) return [{ type: 'redacted_thinking', data: block.encrypted }];
  if (block.signature !== null)
    return [{ type: 'thinking', thinking: block.text, signature: block.signature }];
  drop(features.get('reasoning_history') ?? 'reasoning');
  return [];
}

/** Where the bytes of an image or a document are. */
export function writeSource(source: NeutralSource): object {
  return source.type === 'url'
    ? { type: 'url', url: source.url }
    : { type: 'base64', media_type: source.mediaType, data: source.data };
}

function writeDocument(file: NeutralFile): object {
  const { source, name } = file;
  const isText = source.type === 'data' && source.mediaType.startsWith('text/');
  return {
    type: 'document',
    source: isText
      ? { type: 'text', media_type: 'text/plain', data: Buffer.from(source.data, 'base64').toString('utf8') }
      : writeSource(source),
    ...(name === null ? {} : { title: name }),
    ...cacheControl(file),
  };
}

function writeTool(tool: NeutralTool): object {
  return {
    name: tool.name,
    ...(tool.description === null ? {} : { description: tool.description }),
    input_schema: objectSchema(tool.parameters),
    ...(tool.strict === true ? { strict: true } : {}),
    ...cacheControl(tool),
  };
}

function writeToolChoice(choice: NeutralToolChoice | null, parallel: boolean | null): object {
  const alone = parallel === false ? { disable_parallel_tool_use: true } : {};
  if (choice === null) return parallel === false ? { tool_choice: { type: 'auto', ...alone } } : {};
  if (choice.type === 'tool') return { tool_choice: { type: 'tool', name: choice.name, ...alone } };
  if (choice.type === 'none') return { tool_choice: { type: 'none' } };
  return { tool_choice: { type: choice.type === 'required' ? 'any' : 'auto', ...alone } };
}

function cacheControl({ cacheControl: control }: { readonly cacheControl?: NeutralCacheControl }): object {
  if (!control) return {};
  return { cache_control: { type: 'ephemeral', ...(control.ttl === null ? {} : { ttl: control.ttl }) } };
}
