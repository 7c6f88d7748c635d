import { numberOf, record, text } from '../json-values.ts';
import { argumentsOf } from '../neutral/neutral-answer.ts';
import type {
  NeutralAssistantBlock,
  NeutralFile,
  NeutralImage,
  NeutralRequest,
  NeutralResponseFormat,
  NeutralSource,
  NeutralText,
  NeutralTool,
  NeutralToolChoice,
} from '../neutral/neutral-request.ts';
import {
  FeatureUse,
  heldElsewhere,
  invalidMember,
  onlyElsewhere,
  mustList,
  mustRecord,
  mustText,
  partOf,
  readCacheControl,
  TurnBuilder,
} from '../neutral/request-builder.ts';

/* Grammar: messages-provider-request.ts. `content` may be a text; so may `system` and the content of a tool_result. */

const known = new Set([
  ...[
    'model',
    'messages',
    'system',
    'max_tokens',
    'stream',
    'tools',
    'tool_choice',
    'thinking',
    'output_config',
  ],
  ...['temperature', 'top_p', 'top_k', 'stop_sequences', 'metadata', 'service_tier'],
]);

const members = {
  message: new Set(['role', 'content']),
  // eager_input_streaming: how the pieces of a call arrive, not what they say.
  tool: new Set([
    ...['name', 'description', 'input_schema', 'strict', 'type', 'cache_control', 'eager_input_streaming'],
  ]),
  outputConfig: new Set(['format', 'effort']),
  text: new Set(['type', 'text', 'cache_control', 'citations']), // citations: what the model cited before
  image: new Set(['type', 'source', 'cache_control']),
  document: new Set(['type', 'source', 'title', 'cache_control']),
  toolUse: new Set(['type', 'id', 'name', 'input', 'cache_control', 'caller']),
  toolResult: new Set(['type', 'tool_use_id', 'content', 'is_error', 'cache_control']),
};

/** Reads a request of the Messages API for a provider that speaks another one. Throws `invalid_request`. */
export function readMessagesBody(body: Readonly<Record<string, unknown>>, model: string): NeutralRequest {
  const use = new FeatureUse();
  // The clients of this API know the reason: they go on with the whole conversation in each request.
  if (record(body.thread)) throw heldElsewhere('thread', 'thread_unsupported_request');
  use.leave(body, known);
  const tools = readTools(body.tools, use);
  const choice = record(body.tool_choice);
  const stop = body.stop_sequences === undefined ? [] : mustList(body.stop_sequences, 'stop_sequences');
  if (stop.length > 0) use.use('stop', 'stop_sequences');
  const tier = text(body.service_tier);
  return {
    ...{ model, stream: body.stream === true, tools },
    system: readTexts(body.system, 'system', use),
    messages: readMessages(mustList(body.messages, 'messages'), use),
    toolChoice: tools.length === 0 ? null : readToolChoice(choice, use),
    parallelToolCalls:
      choice?.disable_parallel_tool_use === true
        ? use.take('parallel_tool_calls', 'tool_choice.disable_parallel_tool_use', false)
        : null,
    responseFormat: readFormat(record(body.output_config), use),
    reasoning: readReasoning(body, use),
    maxOutputTokens: numberOf(body.max_tokens),
    temperature: use.take('temperature', 'temperature', numberOf(body.temperature)),
    topP: use.take('top_p', 'top_p', numberOf(body.top_p)),
    topK: use.take('top_k', 'top_k', numberOf(body.top_k)),
    stop: stop.map((item, index) => mustText(item, `stop_sequences[${index}]`)),
    ...{ seed: null, frequencyPenalty: null, presencePenalty: null, topLogprobs: null },
    endUser: use.take('end_user', 'metadata.user_id', text(record(body.metadata)?.user_id)),
    serviceTier: tier === 'standard_only' ? 'default' : null, // `auto` asks for nothing
    ...{ features: use.features, unknown: use.unknown },
  };
}

function readReasoning(
  body: Readonly<Record<string, unknown>>,
  use: FeatureUse,
): NeutralRequest['reasoning'] {
  const thinking = record(body.thinking);
  const effort = text(record(body.output_config)?.effort);
  if (thinking?.type === 'disabled') return null;
  if (!thinking && effort === null) return null;
  use.use('reasoning', thinking ? 'thinking' : 'output_config.effort');
  return { effort: effort === 'max' ? 'xhigh' : effort, budgetTokens: numberOf(thinking?.budget_tokens) };
}

function readFormat(
  config: Readonly<Record<string, unknown>> | null,
  use: FeatureUse,
): NeutralResponseFormat | null {
  if (config) use.leave(config, members.outputConfig, 'output_config');
  const format = record(config?.format);
  if (!format) return null;
  use.use('response_format.schema', 'output_config.format');
  if (format.type !== 'json_schema') throw invalidMember('output_config.format.type', 'json_schema');
  const schema = mustRecord(format.schema, 'output_config.format.schema');
  return { type: 'schema', name: 'answer', description: null, schema, strict: true };
}

function readTools(value: unknown, use: FeatureUse): NeutralTool[] {
  if (value === undefined || value === null) return [];
  return mustList(value, 'tools').map((item, index) => {
    const path = `tools[${index}]`;
    const tool = mustRecord(item, path);
    const type = text(tool.type);
    if (type !== null && type !== 'custom') throw onlyElsewhere(path, `tools of type "${type}"`);
    use.leave(tool, members.tool, path);
    use.use('tools', path);
    if (tool.strict === true) use.use('strict_tools', `${path}.strict`);
    return {
      name: mustText(tool.name, `${path}.name`),
      description: text(tool.description),
      parameters: record(tool.input_schema),
      strict: typeof tool.strict === 'boolean' ? tool.strict : null,
      ...readCacheControl(tool, path, use),
    };
  });
}

function readToolChoice(
  choice: Readonly<Record<string, unknown>> | null,
  use: FeatureUse,
): NeutralToolChoice | null {
  if (!choice) return null;
  if (choice.type === 'auto') return { type: 'auto' };
  use.use('tool_choice', 'tool_choice');
  if (choice.type === 'any') return { type: 'required' };
  if (choice.type === 'none') return { type: 'none' };
  if (choice.type !== 'tool') throw invalidMember('tool_choice.type', 'auto, any, none or tool');
  return { type: 'tool', name: mustText(choice.name, 'tool_choice.name') };
}

function readMessages(values: readonly unknown[], use: FeatureUse): NeutralRequest['messages'] {
  const turns = new TurnBuilder();
  let last = '';
  for (const [index, value] of values.entries()) {
    const path = `messages[${index}]`;
    const message = mustRecord(value, path);
    last = mustText(message.role, `${path}.role`);
    use.leave(message, members.message, path);
    if (last === 'user') readUser(message, path, turns, use);
    else if (last === 'assistant') turns.assistant(...readAssistant(message, path, use));
    else throw invalidMember(`${path}.role`, 'user or assistant');
  }
  if (last === 'assistant') use.use('assistant_prefill', `messages[${values.length - 1}]`);
  return turns.messages();
}

function readUser(
  message: Readonly<Record<string, unknown>>,
  path: string,
  turns: TurnBuilder,
  use: FeatureUse,
): void {
  for (const { part, path: at } of blocksOf(message.content, `${path}.content`)) {
    if (part.type === 'tool_result') {
      use.leave(part, members.toolResult, at);
      const callId = mustText(part.tool_use_id, `${at}.tool_use_id`);
      const content = part.content === undefined ? [] : blocksOf(part.content, `${at}.content`);
      turns.toolResult({
        callId,
        content: content.map((block) => readContent(block.part, block.path, use)),
        isError: part.is_error === true,
        ...readCacheControl(part, at, use),
      });
    } else turns.user(readContent(part, at, use));
  }
}

function readContent(
  part: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): NeutralText | NeutralImage | NeutralFile {
  const cache = readCacheControl(part, path, use);
  if (part.type === 'text') {
    use.leave(part, members.text, path);
    return { type: 'text', text: mustText(part.text, `${path}.text`), ...cache };
  }
  if (part.type !== 'image' && part.type !== 'document')
    throw invalidMember(`${path}.type`, 'text, image, document or tool_result');
  const isPlain = record(part.citations)?.enabled === false;
  use.leave(isPlain ? { ...part, citations: null } : part, members[part.type], path);
  const source = readSource(mustRecord(part.source, `${path}.source`), path);
  if (part.type === 'image') {
    use.use(`image.${source.type}`, path);
    return { type: 'image', source, ...cache };
  }
  use.use(`file.${source.type}`, path);
  return { type: 'file', source, name: text(part.title), ...cache };
}

function readSource(source: Readonly<Record<string, unknown>>, path: string): NeutralSource {
  switch (source.type) {
    case 'base64': {
      const mediaType = mustText(source.media_type, `${path}.source.media_type`);
      return { type: 'data', mediaType, data: mustText(source.data, `${path}.source.data`) };
    }
    case 'text': {
      const plain = mustText(source.data, `${path}.source.data`);
      return { type: 'data', mediaType: 'text/plain', data: Buffer.from(plain).toString('base64') };
    }
    case 'url':
      return { type: 'url', url: mustText(source.url, `${path}.source.url`) };
    default:
      throw invalidMember(`${path}.source.type`, 'base64, text or url; files of Anthropic stay there');
  }
}

function readAssistant(
  message: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): NeutralAssistantBlock[] {
  return blocksOf(message.content, `${path}.content`).map(({ part, path: at }): NeutralAssistantBlock => {
    switch (part.type) {
      case 'text':
        return { type: 'text', text: mustText(part.text, `${at}.text`), ...readCacheControl(part, at, use) };
      case 'tool_use': {
        use.leave(part, members.toolUse, at);
        const id = mustText(part.id, `${at}.id`);
        const name = mustText(part.name, `${at}.name`);
        const input = argumentsOf(JSON.stringify(part.input ?? {}));
        return { type: 'tool-call', id, name, arguments: input, ...readCacheControl(part, at, use) };
      }
      case 'thinking':
        use.use('reasoning_history', at);
        return {
          ...{ type: 'reasoning', text: text(part.thinking) ?? '' },
          ...{ signature: text(part.signature), encrypted: null },
        };
      case 'redacted_thinking':
        use.use('reasoning_history', at);
        return { type: 'reasoning', text: '', signature: null, encrypted: text(part.data) };
      default:
        throw invalidMember(`${at}.type`, 'text, tool_use, thinking or redacted_thinking');
    }
  });
}

function readTexts(value: unknown, path: string, use: FeatureUse): NeutralText[] {
  if (value === undefined || value === null) return [];
  return blocksOf(value, path).map(({ part, path: at }) => {
    if (part.type !== 'text') throw invalidMember(`${at}.type`, 'text');
    return { type: 'text', text: mustText(part.text, `${at}.text`), ...readCacheControl(part, at, use) };
  });
}

function blocksOf(
  content: unknown,
  path: string,
): { part: Readonly<Record<string, unknown>>; path: string }[] {
  if (typeof content === 'string') return [{ part: { type: 'text', text: content }, path }];
  return mustList(content, path).map((value, index) => {
    const at = `${path}[${index}]`;
    return { part: partOf(value, at).part, path: at };
  });
}
