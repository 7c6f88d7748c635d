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
  mustList,
  mustRecord,
  mustText,
  mediaTypeOf,
  partOf,
  readCacheControl,
  TurnBuilder,
} from '../neutral/request-builder.ts';
import { unescapeToolId } from '../neutral/tool-ids.ts';

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

/** What only hints at how Anthropic caches, places, prices, measures or trims the call. */
const hints = new Set([
  ...[
    'cache_control',
    'container',
    'context_management',
    'diagnostics',
    'fallbacks',
    'inference_geo',
    'speed',
  ],
  ...['betas', 'anthropic_beta', 'anthropic_version', 'user_profile_id'],
]);

/** Blocks of what Anthropic's own tools did: the model said in its texts what came of it. */
const ownToolBlock =
  /^(?:server_tool_use|mcp_tool_use|\w+_tool_result|container_upload|compaction|fallback)$/;

const members = {
  message: new Set(['role', 'content']),
  // eager_input_streaming: how the pieces of a call arrive, not what they say.
  toolHints: new Set(['defer_loading', 'allowed_callers', 'input_examples']),
  tool: new Set([
    ...['name', 'description', 'input_schema', 'strict', 'type', 'cache_control', 'eager_input_streaming'],
  ]),
  outputConfig: new Set(['format', 'effort']),
  outputHints: new Set(['task_budget', 'verbosity']),
  metadata: new Set(['user_id']),
  text: new Set(['type', 'text', 'cache_control', 'citations']), // citations: what the model cited before
  image: new Set(['type', 'source', 'cache_control']),
  document: new Set(['type', 'source', 'title', 'context', 'cache_control']),
  toolUse: new Set(['type', 'id', 'name', 'input', 'cache_control', 'caller']),
  toolResult: new Set(['type', 'tool_use_id', 'content', 'is_error', 'cache_control']),
};

/** Reads a request of the Messages API for a provider that speaks another one. Throws `invalid_request`. */
export function readMessagesBody(body: Readonly<Record<string, unknown>>, model: string): NeutralRequest {
  const use = new FeatureUse();
  // The clients of this API know the reason: they go on with the whole conversation in each request.
  if (record(body.thread)) throw heldElsewhere('thread', 'thread_unsupported_request');
  use.leave(body, new Set([...known, ...hints]));
  use.hint(body, hints);
  if (Object.keys(record(body.metadata) ?? {}).some((name) => !members.metadata.has(name)))
    use.hints.push('metadata');
  const { system, messages } = readMessages(body, use);
  const tools = readTools(body.tools, use);
  const choice = record(body.tool_choice);
  const stop = body.stop_sequences === undefined ? [] : mustList(body.stop_sequences, 'stop_sequences');
  if (stop.length > 0) use.use('stop', 'stop_sequences');
  const tier = text(body.service_tier);
  return {
    ...{ model, stream: body.stream === true, tools },
    ...{ system, messages },
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
    ...use.found(),
  };
}

function readReasoning(
  body: Readonly<Record<string, unknown>>,
  use: FeatureUse,
): NeutralRequest['reasoning'] {
  const thinking = record(body.thinking);
  const effort = text(record(body.output_config)?.effort);
  if (!thinking && effort === null) return null;
  use.use('reasoning', thinking ? 'thinking' : 'output_config.effort');
  if (thinking?.type === 'disabled') return { effort: 'none', budgetTokens: null, isOptional: true };
  const budgetTokens = numberOf(thinking?.budget_tokens);
  return { effort, budgetTokens, ...(budgetTokens === null ? { isOptional: true } : {}) };
}

function readFormat(
  config: Readonly<Record<string, unknown>> | null,
  use: FeatureUse,
): NeutralResponseFormat | null {
  if (config) {
    use.leave(config, new Set([...members.outputConfig, ...members.outputHints]), 'output_config');
    use.hint(config, members.outputHints, 'output_config');
  }
  const format = record(config?.format);
  if (!format) return null;
  use.use('response_format.schema', 'output_config.format');
  if (format.type !== 'json_schema') throw invalidMember('output_config.format.type', 'json_schema');
  const schema = mustRecord(format.schema, 'output_config.format.schema');
  return { type: 'schema', name: 'answer', description: null, schema, strict: true };
}

/** The tools of a request. Those that Anthropic runs itself are not among them. */
export function readTools(value: unknown, use: FeatureUse): NeutralTool[] {
  if (value === undefined || value === null) return [];
  return mustList(value, 'tools').flatMap((item, index): NeutralTool[] => {
    const path = `tools[${index}]`;
    const tool = mustRecord(item, path);
    const type = text(tool.type);
    if (type !== null && type !== 'custom') {
      use.elsewhere.push({ path, what: `tools of type "${type}"` });
      return [];
    }
    use.leave(tool, new Set([...members.tool, ...members.toolHints]), path);
    use.hint(tool, members.toolHints, path);
    use.use('tools', path);
    if (tool.strict === true) use.use('strict_tools', `${path}.strict`);
    return [
      {
        name: mustText(tool.name, `${path}.name`),
        description: text(tool.description),
        parameters: record(tool.input_schema),
        strict: typeof tool.strict === 'boolean' ? tool.strict : null,
        ...readCacheControl(tool, path, use),
      },
    ];
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

function readMessages(
  body: Readonly<Record<string, unknown>>,
  use: FeatureUse,
): Pick<NeutralRequest, 'system' | 'messages'> {
  const values = mustList(body.messages, 'messages');
  const turns = new TurnBuilder();
  turns.instruct(...readTexts(body.system, 'system', use));
  let last = '';
  for (const [index, value] of values.entries()) {
    const path = `messages[${index}]`;
    const message = mustRecord(value, path);
    last = mustText(message.role, `${path}.role`);
    use.leave(message, members.message, path);
    if (last === 'user') readUser(message, path, turns, use);
    else if (last === 'assistant') turns.assistant(...readAssistant(message, path, use));
    else if (last === 'system') turns.instruct(...readTexts(message.content, `${path}.content`, use));
    else throw invalidMember(`${path}.role`, 'user, assistant or system');
  }
  if (last === 'assistant') use.use('assistant_prefill', `messages[${values.length - 1}]`);
  return { system: turns.system(), messages: turns.messages() };
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
      const callId = unescapeToolId(mustText(part.tool_use_id, `${at}.tool_use_id`));
      const content = part.content === undefined ? [] : blocksOf(part.content, `${at}.content`);
      turns.toolResult({
        callId,
        content: content.flatMap((block) => readContent(block.part, block.path, use)),
        isError: part.is_error === true,
        ...readCacheControl(part, at, use),
      });
    } else turns.user(...readContent(part, at, use));
  }
}

function readContent(
  part: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): (NeutralText | NeutralImage | NeutralFile)[] {
  const cache = readCacheControl(part, path, use);
  switch (part.type) {
    case 'text':
      use.leave(part, members.text, path);
      return [{ type: 'text', text: mustText(part.text, `${path}.text`), ...cache }];
    case 'search_result':
      return readSearchResult(part, path, use);
    case 'tool_reference': // every tool is there from the start where nothing searches them
      use.hints.push(path);
      return [{ type: 'text', text: `The tool ${String(part.tool_name)} can be called.` }];
    case 'image':
      return [{ ...readMedia(part, 'image', path, use), ...cache }];
    case 'document':
      return readDocument(part, path, use).map((block, index, { length }) =>
        index === length - 1 ? { ...block, ...cache } : block,
      );
    default:
      if (!ownToolBlock.test(String(part.type)))
        throw invalidMember(`${path}.type`, 'text, image, document, search_result or tool_result');
      use.hints.push(path);
      return [];
  }
}

function readSearchResult(
  part: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): NeutralText[] {
  const heading = [text(part.title), text(part.source)].filter((line) => line !== null).join('\n');
  return [{ type: 'text', text: heading }, ...readTexts(part.content, `${path}.content`, use)];
}

// What the caller says of a document comes before it. One that is made of blocks is those blocks.
function readDocument(
  part: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): (NeutralText | NeutralImage | NeutralFile)[] {
  const source = record(part.source);
  const context = text(part.context);
  const said: NeutralText[] = context === null ? [] : [{ type: 'text', text: context }];
  if (source?.type !== 'content') return [...said, readMedia(part, 'document', path, use)];
  use.leave(part, new Set([...members.document, 'citations']), path);
  const blocks = blocksOf(source.content, `${path}.source.content`);
  return [...said, ...blocks.flatMap((block) => readContent(block.part, block.path, use))];
}

function readMedia(
  part: Readonly<Record<string, unknown>>,
  type: 'image' | 'document',
  path: string,
  use: FeatureUse,
): NeutralImage | NeutralFile {
  const isPlain = record(part.citations)?.enabled === false;
  use.leave(isPlain ? { ...part, citations: null } : part, members[type], path);
  const source = readSource(mustRecord(part.source, `${path}.source`), path);
  if (type === 'image') {
    use.use(`image.${source.type}`, path);
    return { type: 'image', source };
  }
  use.use(`file.${source.type}`, path);
  return { type: 'file', source, name: text(part.title) };
}

function readSource(source: Readonly<Record<string, unknown>>, path: string): NeutralSource {
  switch (source.type) {
    case 'base64': {
      const data = mustText(source.data, `${path}.source.data`);
      const mediaType = mediaTypeOf(mustText(source.media_type, `${path}.source.media_type`), data);
      return { type: 'data', mediaType, data };
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
  return blocksOf(message.content, `${path}.content`).flatMap(
    ({ part, path: at }): NeutralAssistantBlock | NeutralAssistantBlock[] => {
      const cache = readCacheControl(part, at, use);
      switch (part.type) {
        case 'text':
          return { type: 'text', text: mustText(part.text, `${at}.text`), ...cache };
        case 'image':
          return { type: 'image', source: readSource(mustRecord(part.source, `${at}.source`), at) };
        case 'tool_use': {
          use.leave(part, members.toolUse, at);
          const id = unescapeToolId(mustText(part.id, `${at}.id`));
          const name = mustText(part.name, `${at}.name`);
          const input = argumentsOf(JSON.stringify(part.input ?? {}));
          return { type: 'tool-call', id, name, arguments: input, ...cache };
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
          if (!ownToolBlock.test(String(part.type)))
            throw invalidMember(`${at}.type`, 'text, tool_use, thinking or redacted_thinking');
          use.hints.push(at);
          return [];
      }
    },
  );
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
