import type {
  NeutralAssistantBlock,
  NeutralMessage,
  NeutralRequest,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import { cannotCarry, urlOf } from '../neutral/request-builder.ts';
import { argumentsText } from '../neutral/arguments-object.ts';
import { objectSchema } from '../neutral/object-schema.ts';
import { type UserPart, userMessages } from '../neutral/user-messages.ts';

/*
 * A request of Cohere's chat API, version 2:
 *
 *   { model, stream?, messages: ( { role: system, content } | { role: user, content: text | part[] }
 *       | { role: assistant, content?, tool_calls?, tool_plan? } | { role: tool, tool_call_id, content } )[],
 *     tools?: { type: function, function: { name, description?, parameters } }[], tool_choice?: REQUIRED | NONE,
 *     response_format?: { type: json_object, json_schema? }, thinking?: { type: enabled | disabled, token_budget? },
 *     temperature?, p?, k?, max_tokens?, stop_sequences?, seed?, frequency_penalty?, presence_penalty?, strict_tools? }
 *   part: { type: text, text } | { type: image_url, image_url: { url, detail? } }
 */

const provider = "Cohere's chat API";

/** Writes the request for a model of Cohere. */
export function writeCohereRequest(
  request: NeutralRequest,
  drop: (path: string) => void,
): Readonly<Record<string, unknown>> {
  const { responseFormat, toolChoice } = request;
  return {
    model: request.model,
    ...(request.stream ? { stream: true } : {}),
    messages: [
      ...(request.system.length > 0
        ? [{ role: 'system', content: request.system.map(({ text }) => text).join('\n\n') }]
        : []),
      ...request.messages.flatMap((message) => writeMessage(message, request, drop)),
    ],
    ...(request.tools.length > 0
      ? {
          tools: request.tools.map(({ name, description, parameters }) => ({
            type: 'function',
            function: {
              name,
              ...(description === null ? {} : { description }),
              parameters: objectSchema(parameters),
            },
          })),
        }
      : {}),
    ...writeToolChoice(toolChoice, request),
    ...(request.tools.some(({ strict }) => strict === true) ? { strict_tools: true } : {}),
    ...(responseFormat === null
      ? {}
      : {
          response_format: {
            type: 'json_object',
            ...(responseFormat.type === 'schema' ? { json_schema: responseFormat.schema } : {}),
          },
        }),
    ...writeThinking(request, drop),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { p: request.topP }),
    ...(request.topK === null ? {} : { k: request.topK }),
    ...(request.maxOutputTokens === null ? {} : { max_tokens: request.maxOutputTokens }),
    ...(request.stop.length > 0 ? { stop_sequences: request.stop } : {}),
    ...(request.seed === null ? {} : { seed: request.seed }),
    ...(request.frequencyPenalty === null ? {} : { frequency_penalty: request.frequencyPenalty }),
    ...(request.presencePenalty === null ? {} : { presence_penalty: request.presencePenalty }),
  };
}

// docs.cohere.com/docs/reasoning: other models refuse the member.
function writeThinking({ reasoning, model, features }: NeutralRequest, drop: (path: string) => void): object {
  if (!reasoning) return {};
  if (!/reasoning|command-a-plus/.test(model) && reasoning.isOptional) {
    drop(features.get('reasoning') ?? 'reasoning');
    return {};
  }
  const { effort, budgetTokens } = reasoning;
  if (effort === 'none') return { thinking: { type: 'disabled' } };
  return { thinking: { type: 'enabled', ...(budgetTokens === null ? {} : { token_budget: budgetTokens }) } };
}

function writeToolChoice(choice: NeutralRequest['toolChoice'], { features }: NeutralRequest): object {
  if (choice === null || choice.type === 'auto') return {};
  if (choice.type === 'tool')
    throw cannotCarry(
      features.get('tool_choice') ?? 'tool_choice',
      provider,
      'cannot be told which tool to call',
    );
  return { tool_choice: choice.type === 'required' ? 'REQUIRED' : 'NONE' };
}

function writeMessage(
  message: NeutralMessage,
  request: NeutralRequest,
  drop: (path: string) => void,
): object[] {
  return message.role === 'user'
    ? writeUser(message.content, request, drop)
    : [writeAssistant(message.content, request, drop)];
}

function writeUser(
  blocks: readonly NeutralUserBlock[],
  request: NeutralRequest,
  drop: (path: string) => void,
): object[] {
  return userMessages(blocks, {
    placesInstructions: true,
    part: (block) => writePart(block, request),
    toolMessage: ({ callId, content, isError }) => {
      if (isError) drop('tool_result.is_error');
      const texts = content.map((part) => {
        if (part.type === 'text') return part.text;
        throw cannotCarry(`tool result ${callId}`, provider, 'takes only text from tools');
      });
      return { message: { role: 'tool', tool_call_id: callId, content: texts.join('\n') }, following: [] };
    },
  });
}

function writePart(block: UserPart, { features }: NeutralRequest): object {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image':
      return { type: 'image_url', image_url: { url: urlOf(block.source) } };
    case 'file':
      throw cannotCarry(features.get('file.data') ?? features.get('file.url') ?? 'file', provider);
    case 'audio':
      throw cannotCarry(features.get('audio') ?? 'input_audio', provider);
  }
}

function writeAssistant(
  blocks: readonly NeutralAssistantBlock[],
  { features }: NeutralRequest,
  drop: (path: string) => void,
): object {
  const said = blocks.flatMap((block) =>
    block.type === 'text' || block.type === 'refusal' ? [block.text] : [],
  );
  if (blocks.some(({ type }) => type === 'image' || type === 'audio')) drop('assistant media');
  const calls = blocks.flatMap((block) => (block.type === 'tool-call' ? [block] : []));
  if (blocks.some((block) => block.type === 'reasoning'))
    drop(features.get('reasoning_history') ?? 'reasoning');
  return {
    role: 'assistant',
    ...(said.length > 0 ? { content: said.join('') } : {}),
    ...(calls.length > 0
      ? {
          tool_calls: calls.map(({ id, name, arguments: json }) => ({
            ...{ id, type: 'function', function: { name, arguments: argumentsText(json) } },
          })),
        }
      : {}),
  };
}
