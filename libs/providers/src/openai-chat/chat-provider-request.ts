import type {
  NeutralAssistantBlock,
  NeutralMessage,
  NeutralRequest,
  NeutralTool,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import { urlOf } from '../neutral/request-builder.ts';
import { userMessages } from '../neutral/user-messages.ts';

/** Writes a chat request (grammar: chat-client-request.ts). Results of tools become messages of their own. */
export function writeChatRequest(
  request: NeutralRequest,
  drop: (path: string) => void,
): Readonly<Record<string, unknown>> {
  const { responseFormat, toolChoice, reasoning } = request;
  return {
    model: request.model,
    messages: [
      ...(request.system.length > 0
        ? [{ role: 'system', content: request.system.map(({ text }) => text).join('\n\n') }]
        : []),
      ...request.messages.flatMap((message) => writeMessage(message, request, drop)),
    ],
    ...(request.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
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
    ...(reasoning ? { reasoning_effort: reasoning.effort ?? effortOf(reasoning.budgetTokens) } : {}),
    ...(request.maxOutputTokens === null ? {} : { max_completion_tokens: request.maxOutputTokens }),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { top_p: request.topP }),
    ...(request.stop.length > 0 ? { stop: request.stop } : {}),
    ...(request.seed === null ? {} : { seed: request.seed }),
    ...(request.frequencyPenalty === null ? {} : { frequency_penalty: request.frequencyPenalty }),
    ...(request.presencePenalty === null ? {} : { presence_penalty: request.presencePenalty }),
    ...(request.topLogprobs === null ? {} : { logprobs: true, top_logprobs: request.topLogprobs }),
    ...(request.endUser === null ? {} : { user: request.endUser }),
    ...(request.serviceTier === null ? {} : { service_tier: request.serviceTier }),
  };
}

/** Where a budget of thinking says what OpenAI's models are told by effort. */
function effortOf(budgetTokens: number | null): string {
  if (budgetTokens === null) return 'medium';
  if (budgetTokens <= 2048) return 'low';
  return budgetTokens <= 16_384 ? 'medium' : 'high';
}

function writeTool({ name, description, parameters, strict }: NeutralTool): object {
  return {
    type: 'function',
    function: {
      name,
      ...(description === null ? {} : { description }),
      ...(parameters === null ? {} : { parameters }),
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

function writeMessage(
  message: NeutralMessage,
  request: NeutralRequest,
  drop: (path: string) => void,
): object[] {
  return message.role === 'user'
    ? writeUser(message.content, drop)
    : [writeAssistant(message.content, request, drop)];
}

function writeUser(blocks: readonly NeutralUserBlock[], drop: (path: string) => void): object[] {
  return userMessages(blocks, {
    part: writePart,
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

function writePart(block: Exclude<NeutralUserBlock, { type: 'tool-result' }>): object {
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

// OpenAI takes no reasoning back through chat, and refuses members that it does not know.
function writeAssistant(
  blocks: readonly NeutralAssistantBlock[],
  { features }: NeutralRequest,
  drop: (path: string) => void,
): object {
  const texts = blocks.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  const refusals = blocks.flatMap((block) => (block.type === 'refusal' ? [block.text] : []));
  const calls = blocks.flatMap((block) => (block.type === 'tool-call' ? [block] : []));
  if (blocks.some((block) => block.type === 'reasoning'))
    drop(features.get('reasoning_history') ?? 'reasoning');
  return {
    role: 'assistant',
    content: texts.length > 0 ? texts.join('') : null,
    ...(refusals.length > 0 ? { refusal: refusals.join('') } : {}),
    ...(calls.length > 0
      ? {
          tool_calls: calls.map(({ id, name, arguments: json }) => ({
            ...{ id, type: 'function', function: { name, arguments: json } },
          })),
        }
      : {}),
  };
}
