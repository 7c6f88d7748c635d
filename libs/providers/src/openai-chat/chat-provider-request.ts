import { argumentsText } from '../neutral/arguments-object.ts';
import type {
  Feature,
  NeutralAssistantBlock,
  NeutralMessage,
  NeutralReasoning,
  NeutralRequest,
  NeutralTool,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import { urlOf } from '../neutral/request-builder.ts';
import { objectSchema } from '../neutral/object-schema.ts';
import { type UserPart, userMessages } from '../neutral/user-messages.ts';
import type { ProviderProfile } from '../profiles.ts';
import { reasoningDetails } from './chat-client-answer.ts';
import { type ChatHabits, chatHabitsOf, fixesSampling, openAiEffort, plainHabits } from './chat-habits.ts';

/**
 * Writes a chat request (grammar: chat-client-request.ts), as the kind of provider takes it. Results of tools become
 * messages of their own.
 */
export function writeChatRequest(
  request: NeutralRequest,
  drop: (path: string) => void,
  profile?: ProviderProfile,
): Readonly<Record<string, unknown>> {
  const habits = profile ? chatHabitsOf(profile.kind) : plainHabits;
  const told = habits.hasSchemas ? request : withSchemaTold(request, drop);
  const body = writeBody(told, { habits, drop, profile });
  const renamed = Object.entries(body).map(([name, value]) => [habits.renames[name] ?? name, value] as const);
  return Object.fromEntries(renamed);
}

// Where an answer cannot be held to a schema the model is told of it, and held to JSON.
function withSchemaTold(request: NeutralRequest, drop: (path: string) => void): NeutralRequest {
  const { responseFormat: format, system, features } = request;
  if (format?.type !== 'schema') return request;
  drop(features.get('response_format.schema') ?? 'response_format');
  const text = `Answer with JSON that follows this JSON Schema:\n${JSON.stringify(format.schema)}`;
  return { ...request, system: [...system, { type: 'text', text }], responseFormat: { type: 'json' } };
}

interface Writing {
  readonly habits: ChatHabits;
  readonly drop: (path: string) => void;
  readonly profile: ProviderProfile | undefined;
}

function writeBody(request: NeutralRequest, writing: Writing): Readonly<Record<string, unknown>> {
  const { responseFormat, toolChoice } = request;
  return {
    model: request.model,
    messages: [
      ...(request.system.length > 0
        ? [{ role: 'system', content: request.system.map(({ text }) => text).join('\n\n') }]
        : []),
      ...request.messages.flatMap((message) => writeMessage(message, request, writing)),
    ],
    ...writeStream(request, writing),
    ...(request.tools.length > 0 ? { tools: request.tools.map(writeTool) } : {}),
    ...(toolChoice === null
      ? {}
      : {
          tool_choice:
            toolChoice.type === 'tool'
              ? { type: 'function', function: { name: toolChoice.name } }
              : toolChoice.type,
        }),
    ...(request.parallelToolCalls === null ? {} : { parallel_tool_calls: request.parallelToolCalls }),
    ...(responseFormat === null ? {} : { response_format: writeFormat(responseFormat) }),
    ...writeReasoning(request, writing),
    ...(request.maxOutputTokens === null ? {} : { max_completion_tokens: request.maxOutputTokens }),
    ...writeSampling(request, writing),
    ...(request.stop.length > 0 ? { stop: request.stop } : {}),
    ...(request.seed === null ? {} : { seed: request.seed }),
    ...(request.endUser === null ? {} : { user: request.endUser }),
    ...(request.serviceTier === null ? {} : { service_tier: request.serviceTier }),
  };
}

// Where usage comes by itself, the option is not asked for: some refuse it.
function writeStream({ stream }: NeutralRequest, { profile }: Writing): object {
  if (!stream) return {};
  const asks = profile?.asksForStreamUsage ?? true;
  return { stream: true, ...(asks ? { stream_options: { include_usage: true } } : {}) };
}

function writeSampling(request: NeutralRequest, { profile, drop }: Writing): object {
  const given = {
    temperature: request.temperature,
    top_p: request.topP,
    frequency_penalty: request.frequencyPenalty,
    presence_penalty: request.presencePenalty,
    logprobs: request.topLogprobs === null ? null : true,
    top_logprobs: request.topLogprobs,
  };
  const isFixed = profile?.kind === 'openai' && fixesSampling(request.model);
  const said = Object.entries(given).filter(([, value]) => value !== null);
  if (!isFixed) return Object.fromEntries(said);
  for (const [name] of said) {
    const path = request.features.get(name as Feature);
    if (path !== undefined && !(name === 'temperature' && request.temperature === 1)) drop(path);
  }
  return {};
}

function writeReasoning(request: NeutralRequest, { habits, drop, profile }: Writing): object {
  const { reasoning, model, features } = request;
  if (!reasoning) return {};
  const { reasons, reasoningOff } = habits;
  const leave = () => {
    drop(features.get('reasoning') ?? 'reasoning');
    return {};
  };
  const isOff = reasoning.effort === 'none';
  if (isOff && reasoningOff === 'thinking') return { thinking: { type: 'disabled' } };
  const takes = reasons === 'all' || (reasons === 'asked' ? !reasoning.isOptional : reasons.test(model));
  if (!takes || (isOff && reasoning.isOptional && reasoningOff === null)) return leave();
  const effort = reasoning.effort ?? effortOf(reasoning.budgetTokens);
  if (effort === null) return {}; // the model decides, as it does where nothing is said
  if (profile?.kind !== 'openai') return { reasoning_effort: effort === 'max' ? 'xhigh' : effort };
  const taken = openAiEffort(model, effort, request.tools.length > 0);
  if (taken !== effort && (taken === null || taken === 'none')) leave();
  return taken === null ? {} : { reasoning_effort: taken };
}

/** Where a budget of thinking says what OpenAI's models are told by effort. */
function effortOf(budgetTokens: number | null): string | null {
  if (budgetTokens === null) return null;
  if (budgetTokens <= 2048) return 'low';
  return budgetTokens <= 16_384 ? 'medium' : 'high';
}

function writeTool({ name, description, parameters, strict }: NeutralTool): object {
  return {
    type: 'function',
    function: {
      name,
      ...(description === null ? {} : { description }),
      parameters: objectSchema(parameters),
      ...(strict === null ? {} : { strict }),
    },
  };
}

function writeFormat(format: NonNullable<NeutralRequest['responseFormat']>): object {
  if (format.type === 'json') return { type: 'json_object' };
  const { name, description, schema, strict } = format;
  const described = description === null ? {} : { description };
  return {
    type: 'json_schema',
    json_schema: { name, ...described, schema, ...(strict === null ? {} : { strict }) },
  };
}

function writeMessage(message: NeutralMessage, request: NeutralRequest, writing: Writing): object[] {
  return message.role === 'user'
    ? writeUser(message.content, writing)
    : [writeAssistant(message.content, request, writing)];
}

function writeUser(blocks: readonly NeutralUserBlock[], { drop, habits }: Writing): object[] {
  return userMessages(blocks, {
    part: writePart,
    placesInstructions: habits.placesInstructions,
    // The chat API takes only text from tools: what else they gave follows as the user's.
    toolMessage: ({ callId, content, isError }) => {
      if (isError) drop('tool_result.is_error');
      const texts = content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
      return {
        message: { role: 'tool', tool_call_id: callId, content: texts.join('\n') },
        following: content.filter((part) => part.type !== 'text'),
      };
    },
  });
}

function writePart(block: UserPart): object {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image':
      return {
        type: 'image_url',
        image_url: {
          url: urlOf(block.source),
          ...(block.detail === undefined ? {} : { detail: block.detail }),
        },
      };
    case 'file':
      return { type: 'file', file: { filename: block.name ?? 'file', file_data: urlOf(block.source) } };
    case 'audio':
      return { type: 'input_audio', input_audio: { data: block.data, format: block.format } };
  }
}

function writeAssistant(
  blocks: readonly NeutralAssistantBlock[],
  { features }: NeutralRequest,
  { habits, drop }: Writing,
): object {
  const texts = blocks.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  const refusals = blocks.flatMap((block) => (block.type === 'refusal' ? [block.text] : []));
  const calls = blocks.flatMap((block) => (block.type === 'tool-call' ? [block] : []));
  const reasoning = blocks.flatMap((block) => (block.type === 'reasoning' ? [block] : []));
  const back = reasoningBack(reasoning, habits, calls.length > 0);
  if (reasoning.length > 0 && !back) drop(features.get('reasoning_history') ?? 'reasoning');
  if (blocks.some(({ type }) => type === 'image' || type === 'audio')) drop('assistant media');
  return {
    role: 'assistant',
    content: texts.length > 0 ? texts.join('') : null,
    ...back,
    ...(refusals.length > 0 ? { refusal: refusals.join('') } : {}),
    ...(calls.length > 0
      ? {
          tool_calls: calls.map(({ id, name, arguments: json }) => ({
            ...{ id, type: 'function', function: { name, arguments: argumentsText(json) } },
          })),
        }
      : {}),
  };
}

// OpenAI takes no reasoning back through chat, and refuses members that it does not know. DeepSeek refuses turns with
// calls that come without it, also where it is empty. What another API has signed or sealed says nothing here.
function reasoningBack(
  reasoning: readonly NeutralReasoning[],
  { reasoningBack: member, reasoningOff }: ChatHabits,
  hasCalls: boolean,
): object | null {
  if (member === 'reasoning_details')
    return reasoning.length === 0 ? null : { reasoning_details: reasoning.flatMap(reasoningDetails) };
  const own = reasoning.filter(({ signature, encrypted }) => signature === null && encrypted === null);
  const isNeeded = reasoningOff === 'thinking' && hasCalls;
  if (member === null || !(isNeeded || (hasCalls && own.length > 0))) return null;
  return { reasoning_content: own.map(({ text }) => text).join('\n') };
}
