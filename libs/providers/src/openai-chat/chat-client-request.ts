import { numberOf, record, records, text } from '../json-values.ts';
import type {
  NeutralAssistantBlock,
  NeutralFile,
  NeutralImage,
  NeutralReasoning,
  NeutralRequest,
  NeutralResponseFormat,
  NeutralText,
  NeutralTool,
  NeutralToolCall,
  NeutralToolChoice,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import {
  FeatureUse,
  invalidMember,
  onlyElsewhere,
  mustList,
  mustRecord,
  mustText,
  partOf,
  readCacheControl,
  sourceOf,
  TurnBuilder,
} from '../neutral/request-builder.ts';
import { argumentsOf } from '../neutral/neutral-answer.ts';
import { readImages } from '../neutral/answer-images.ts';
import { readResponseFormat } from '../neutral/response-format.ts';
import { freeTextArguments, freeTextTool } from '../neutral/tool-naming.ts';

/*
 * A request of the OpenAI chat API:
 *
 *   messages: ( { role: system | developer | user, content: text | part[] }
 *             | { role: assistant, content: text | part[] | null, refusal?, tool_calls?: { id, type: function, function: { name, arguments } }[],
 *                 reasoning_content? | reasoning? , reasoning_signature? }
 *             | { role: tool, tool_call_id, content: text | part[] } )[]
 *   part: { type: text, text } | { type: image_url, image_url: { url, detail? } }
 *       | { type: input_audio, input_audio: { data, format } } | { type: file, file: { file_data, filename } | { file_id } }
 *   tools: ( { type: function, function: { name, description?, parameters?, strict? } }
 *          | { type: custom, custom: { name, description?, format?: { type: grammar, grammar: { syntax, definition } } } } )[]
 *   tool_calls of a custom tool: { id, type: custom, custom: { name, input } }
 *   tool_choice: none | auto | required | { type: function, function: { name } } | { type: custom, custom: { name } }
 *              | { type: allowed_tools, allowed_tools: { mode: auto | required, tools: { type, function: { name } }[] } }
 *   response_format: { type: text | json_object } | { type: json_schema, json_schema: { name, schema, strict? } }
 *
 * `cache_control` on a part, a tool or a message is what the field uses for Anthropic's prompt cache.
 */
const known = new Set([
  ...['model', 'messages', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls'],
  ...['response_format', 'reasoning_effort', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p'],
  ...['top_k', 'stop', 'seed', 'n', 'frequency_penalty', 'presence_penalty', 'logit_bias', 'logprobs'],
  ...['top_logprobs', 'user', 'safety_identifier', 'metadata', 'service_tier', 'thinking', 'reasoning'],
]);
/** What only hints at how OpenAI stores, caches or counts the call, or at how long the answer is to be. */
const hints = new Set([
  ...['moderation', 'prediction', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention'],
  ...['store', 'verbosity'],
  // How OpenRouter routes, trims and counts: openrouter.ai/docs/api-reference/overview.
  ...['provider', 'models', 'route', 'transforms', 'usage', 'include_reasoning', 'session_id', 'trace'],
]);
/** Of OpenAI's own service; elsewhere they ask for nothing, so nothing is lost without them. */
const withoutEffect = ['store', 'modalities', 'verbosity'];

/** What OpenAI's models do and no other. */
const never = ['functions', 'function_call', 'web_search_options', 'audio'];

const members = {
  message: new Set(['role', 'content', 'cache_control']),
  assistant: new Set([
    ...['role', 'content', 'cache_control', 'refusal', 'tool_calls'],
    ...['reasoning_content', 'reasoning', 'reasoning_details', 'images'],
    ...['annotations', 'parsed'], // as the client read it
  ]),
  // The name of the tool is known by its call.
  tool: new Set(['role', 'content', 'cache_control', 'tool_call_id', 'name']),
  part: new Set(['type', 'cache_control', 'text', 'image_url', 'input_audio', 'file', 'refusal']),
  image: new Set(['url', 'detail']),
  toolDefinition: new Set(['type', 'function', 'custom', 'cache_control']),
  function: new Set(['name', 'description', 'parameters', 'strict']),
  custom: new Set(['name', 'description', 'format']),
  schema: new Set(['name', 'description', 'schema', 'strict']),
};

/** Reads a chat request for a provider that speaks another API. Throws `invalid_request` that names the member. */
export function readChatBody(body: Readonly<Record<string, unknown>>, model: string): NeutralRequest {
  const use = new FeatureUse();
  for (const name of never) if (body[name] !== undefined && body[name] !== null) throw onlyElsewhere(name);
  const plain = new Set(withoutEffect.filter((name) => isDefault(name, body[name])));
  use.leave(body, new Set([...known, ...hints, ...plain]));
  use.hint(body, new Set([...hints].filter((name) => !plain.has(name))));
  const { system, messages } = readMessages(mustList(body.messages, 'messages'), use);
  const tools = allowedTools(readTools(body.tools, use), record(body.tool_choice));
  const maximum = numberOf(body.max_completion_tokens) ?? numberOf(body.max_tokens);
  if (numberOf(body.n) !== null && body.n !== 1) use.use('n', 'n');
  return {
    ...{ model, stream: body.stream === true, system, messages, tools },
    toolChoice: tools.length === 0 ? null : readToolChoice(body.tool_choice, use),
    parallelToolCalls:
      tools.length === 0 ? null : boolean(use, 'parallel_tool_calls', body.parallel_tool_calls),
    responseFormat: readFormat(body.response_format, use),
    reasoning: readReasoningOptions(body, use),
    maxOutputTokens: use.take('max_output_tokens', 'max_completion_tokens', maximum),
    temperature: use.take('temperature', 'temperature', numberOf(body.temperature)),
    topP: use.take('top_p', 'top_p', numberOf(body.top_p)),
    topK: use.take('top_k', 'top_k', numberOf(body.top_k)),
    stop: readStop(body.stop, use),
    seed: use.take('seed', 'seed', numberOf(body.seed)),
    frequencyPenalty: penalty(use, 'frequency_penalty', body.frequency_penalty),
    presencePenalty: penalty(use, 'presence_penalty', body.presence_penalty),
    topLogprobs: readLogprobs(body, use),
    endUser: use.take('end_user', 'user', text(body.user) ?? text(body.safety_identifier)),
    serviceTier:
      body.service_tier === 'auto' ? null : use.take('service_tier', 'service_tier', text(body.service_tier)),
    ...noteFurther(body, use).found(),
  };
}

// A member whose value is what a provider does anyway.
function isDefault(name: string, value: unknown): boolean {
  if (name === 'store') return value === false;
  if (name === 'verbosity') return value === 'medium';
  if (name === 'modalities') return Array.isArray(value) && value.length === 1 && value[0] === 'text';
  return true;
}

function noteFurther(body: Readonly<Record<string, unknown>>, use: FeatureUse): FeatureUse {
  if (Object.keys(record(body.logit_bias) ?? {}).length > 0) use.use('logit_bias', 'logit_bias');
  if (Object.keys(record(body.metadata) ?? {}).length > 0) use.use('metadata', 'metadata');
  return use;
}

function boolean(use: FeatureUse, name: 'parallel_tool_calls', value: unknown): boolean | null {
  return typeof value === 'boolean' ? use.take(name, name, value) : null;
}

function penalty(
  use: FeatureUse,
  name: 'frequency_penalty' | 'presence_penalty',
  value: unknown,
): number | null {
  const given = numberOf(value);
  return given === 0 ? null : use.take(name, name, given);
}

function readStop(value: unknown, use: FeatureUse): readonly string[] {
  if (value === null || value === undefined) return [];
  const stop =
    typeof value === 'string' ? [value] : mustList(value, 'stop').map((item) => mustText(item, 'stop'));
  if (stop.length > 0) use.use('stop', 'stop');
  return stop;
}

function readLogprobs(body: Readonly<Record<string, unknown>>, use: FeatureUse): number | null {
  if (body.logprobs !== true) return null;
  use.use('logprobs', 'logprobs');
  return numberOf(body.top_logprobs) ?? 0;
}

function readReasoningOptions(
  body: Readonly<Record<string, unknown>>,
  use: FeatureUse,
): NeutralRequest['reasoning'] {
  const thinking = record(body.thinking); // as DeepSeek's API and Anthropic's have it
  const reasoning = record(body.reasoning); // as OpenRouter's has it: { effort | max_tokens, enabled }
  const said = text(body.reasoning_effort) ?? text(reasoning?.effort);
  const isOff = thinking?.type === 'disabled' || reasoning?.enabled === false;
  const effort = said ?? (isOff ? 'none' : null);
  const budget = numberOf(thinking?.budget_tokens) ?? numberOf(reasoning?.max_tokens);
  if (effort === null && budget === null && !thinking && reasoning?.enabled !== true) return null;
  const names = ['reasoning_effort', 'thinking', 'reasoning'];
  use.use('reasoning', names.find((name) => (body[name] ?? null) !== null) ?? 'reasoning');
  const isOptional = said === null && budget === null ? { isOptional: true as const } : {};
  return { effort, budgetTokens: budget, ...isOptional };
}

function readFormat(value: unknown, use: FeatureUse): NeutralResponseFormat | null {
  const format = value === null || value === undefined ? null : mustRecord(value, 'response_format');
  const at = { path: 'response_format', schemaPath: 'response_format.json_schema', known: members.schema };
  return readResponseFormat(format, { ...at, schemaOf: ({ json_schema: schema }) => schema }, use);
}

/** The tools of a request: functions and free text tools. */
export function readTools(value: unknown, use: FeatureUse): NeutralTool[] {
  if (value === null || value === undefined) return [];
  return mustList(value, 'tools').flatMap((item, index) => {
    const path = `tools[${index}]`;
    const { type, part } = partOf(item, path);
    if (type !== 'function' && type !== 'custom') {
      use.elsewhere.push({ path, what: `tools of type "${type}"` });
      return [];
    }
    const given = mustRecord(part[type], `${path}.${type}`);
    use.leave(part, members.toolDefinition, path);
    use.leave(given, members[type], `${path}.${type}`);
    use.use('tools', path);
    if (given.strict === true) use.use('strict_tools', `${path}.function.strict`);
    const name = mustText(given.name, `${path}.${type}.name`);
    const cache = readCacheControl(part, path, use);
    if (type === 'custom')
      return [{ ...freeTextTool(name, text(given.description), record(given.format)), ...cache }];
    return [
      {
        ...{ name, description: text(given.description), parameters: record(given.parameters) },
        strict: typeof given.strict === 'boolean' ? given.strict : null,
        ...cache,
      },
    ];
  });
}

// A choice among some of the tools: the model is told of no others.
function allowedTools(tools: NeutralTool[], choice: Readonly<Record<string, unknown>> | null): NeutralTool[] {
  if (choice?.type !== 'allowed_tools') return tools;
  const allowed = records(record(choice.allowed_tools)?.tools);
  const names = new Set(allowed.map((tool) => (record(tool.function) ?? record(tool.custom))?.name));
  return tools.filter(({ name }) => names.has(name));
}

function readToolChoice(value: unknown, use: FeatureUse): NeutralToolChoice | null {
  if (value === null || value === undefined) return null;
  if (value === 'auto' || value === 'none' || value === 'required') {
    if (value !== 'auto') use.use('tool_choice', 'tool_choice');
    return { type: value };
  }
  use.use('tool_choice', 'tool_choice');
  const choice = mustRecord(value, 'tool_choice');
  switch (choice.type) {
    case 'function':
    case 'custom':
      return {
        type: 'tool',
        name: mustText(record(choice[choice.type])?.name, `tool_choice.${choice.type}.name`),
      };
    case 'allowed_tools':
      return record(choice.allowed_tools)?.mode === 'required' ? { type: 'required' } : { type: 'auto' };
    default:
      throw invalidMember('tool_choice', 'auto, none, required, a function, a custom tool or allowed_tools');
  }
}

function readMessages(
  values: readonly unknown[],
  use: FeatureUse,
): Pick<NeutralRequest, 'system' | 'messages'> {
  const turns = new TurnBuilder();
  let last = '';
  for (const [index, value] of values.entries()) {
    const path = `messages[${index}]`;
    const message = mustRecord(value, path);
    last = mustText(message.role, `${path}.role`);
    use.leave(message, last === 'assistant' || last === 'tool' ? members[last] : members.message, path);
    if (last === 'system' || last === 'developer') turns.instruct(...readTexts(message, path, use));
    else if (last === 'user') turns.user(...readUserParts(message, path, use));
    else if (last === 'assistant') turns.assistant(...readAssistant(message, path, use));
    else if (last === 'tool') {
      const callId = mustText(message.tool_call_id, `${path}.tool_call_id`);
      const content = readUserParts(message, path, use).filter(isResultPart);
      turns.toolResult({ callId, content, isError: false });
    } else throw invalidMember(`${path}.role`, 'system, developer, user, assistant or tool');
  }
  if (last === 'assistant') use.use('assistant_prefill', `messages[${values.length - 1}]`);
  return { system: turns.system(), messages: turns.messages() };
}

function readTexts(message: Readonly<Record<string, unknown>>, path: string, use: FeatureUse): NeutralText[] {
  return contentParts(message, path, use).map(({ part, path: at }) => {
    if (part.type !== 'text') throw invalidMember(at, 'a part of type text');
    return { type: 'text', text: mustText(part.text, `${at}.text`), ...readCacheControl(part, at, use) };
  });
}

function isResultPart(part: NeutralUserBlock): part is NeutralText | NeutralImage | NeutralFile {
  return part.type === 'text' || part.type === 'image' || part.type === 'file';
}

function readUserParts(
  message: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): NeutralUserBlock[] {
  return contentParts(message, path, use).map(({ part, path: at }) => {
    const cache = readCacheControl(part, at, use);
    switch (part.type) {
      case 'text':
        return { type: 'text', text: mustText(part.text, `${at}.text`), ...cache };
      case 'image_url': {
        const image =
          typeof part.image_url === 'string' ? { url: part.image_url } : mustRecord(part.image_url, at);
        const source = sourceOf(mustText(image.url, `${at}.image_url.url`));
        use.use(`image.${source.type}`, at);
        use.leave(image, members.image, `${at}.image_url`);
        const detail = 'detail' in image ? text(image.detail) : null;
        return { type: 'image', source, ...(detail === null ? {} : { detail }), ...cache };
      }
      case 'input_audio': {
        use.use('audio', at);
        const audio = mustRecord(part.input_audio, `${at}.input_audio`);
        const data = mustText(audio.data, `${at}.input_audio.data`);
        return { type: 'audio', data, format: mustText(audio.format, `${at}.input_audio.format`) };
      }
      case 'file': {
        const file = mustRecord(part.file, `${at}.file`);
        if (file.file_data === undefined)
          throw invalidMember(`${at}.file`, 'inline ("file_data"); files of OpenAI stay there');
        const source = sourceOf(mustText(file.file_data, `${at}.file.file_data`), text(file.filename));
        use.use(`file.${source.type}`, at);
        return { type: 'file', source, name: text(file.filename), ...cache };
      }
      default:
        throw invalidMember(`${at}.type`, 'text, image_url, input_audio or file');
    }
  });
}

function readAssistant(
  message: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): NeutralAssistantBlock[] {
  const reasoning = text(message.reasoning_content) ?? text(message.reasoning);
  const details = Array.isArray(message.reasoning_details) ? message.reasoning_details : [];
  if (reasoning !== null || details.length > 0) use.use('reasoning_history', `${path}.reasoning_content`);
  const content =
    message.content === null || message.content === undefined ? [] : contentParts(message, path, use);
  const refusal = text(message.refusal);
  return [
    ...readReasoning(reasoning, details),
    ...content.map(({ part, path: at }) => {
      if (part.type === 'refusal')
        return { type: 'refusal' as const, text: mustText(part.refusal, `${at}.refusal`) };
      if (part.type !== 'text') throw invalidMember(`${at}.type`, 'text or refusal');
      return {
        type: 'text' as const,
        text: mustText(part.text, `${at}.text`),
        ...readCacheControl(part, at, use),
      };
    }),
    ...(refusal === null ? [] : [{ type: 'refusal' as const, text: refusal }]),
    ...readImages(message.images),
    ...readToolCalls(message.tool_calls, `${path}.tool_calls`),
  ];
}

/*
 * reasoning_details is how gateways hand reasoning through chat and get it back (OpenRouter's shape):
 *   { type: reasoning.text, text, signature } | { type: reasoning.encrypted, data }
 */
function readReasoning(plain: string | null, details: readonly unknown[]): NeutralReasoning[] {
  const blocks = details.flatMap((value): NeutralReasoning[] => {
    const detail = record(value);
    if (detail?.type === 'reasoning.text')
      return [
        {
          type: 'reasoning',
          text: text(detail.text) ?? '',
          signature: text(detail.signature),
          encrypted: null,
        },
      ];
    if (detail?.type === 'reasoning.encrypted')
      return [{ type: 'reasoning', text: '', signature: null, encrypted: text(detail.data) }];
    return [];
  });
  if (blocks.length > 0 || plain === null) return blocks;
  return [{ type: 'reasoning', text: plain, signature: null, encrypted: null }];
}

function readToolCalls(value: unknown, path: string): NeutralToolCall[] {
  if (value === null || value === undefined) return [];
  return mustList(value, path).map((item, index) => {
    const call = mustRecord(item, `${path}[${index}]`);
    const id = mustText(call.id, `${path}[${index}].id`);
    if (call.type === 'custom') {
      const custom = mustRecord(call.custom, `${path}[${index}].custom`);
      const name = mustText(custom.name, `${path}[${index}].custom.name`);
      const input = mustText(custom.input, `${path}[${index}].custom.input`);
      return { type: 'tool-call', id, name, arguments: freeTextArguments(input) };
    }
    const called = mustRecord(call.function, `${path}[${index}].function`);
    const signature = text(record(record(call.extra_content)?.google)?.thought_signature);
    return {
      ...{ type: 'tool-call', id },
      name: mustText(called.name, `${path}[${index}].function.name`),
      arguments: argumentsOf(mustText(called.arguments ?? '', `${path}[${index}].function.arguments`)),
      ...(signature === null ? {} : { signature }),
    };
  });
}

function contentParts(
  message: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): { part: Readonly<Record<string, unknown>>; path: string }[] {
  const { content } = message;
  const cache = message.cache_control === undefined ? {} : { cache_control: message.cache_control };
  if (typeof content === 'string')
    return content === '' ? [] : [{ part: { type: 'text', text: content, ...cache }, path }];
  return mustList(content, `${path}.content`).map((value, index) => {
    const at = `${path}.content[${index}]`;
    const { part } = partOf(value, at);
    use.leave(part, members.part, at);
    return { part, path: at };
  });
}
