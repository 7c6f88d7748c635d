import { numberOf, record, records, text } from '../json-values.ts';
import { argumentsOf } from '../neutral/neutral-answer.ts';
import type {
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
  heldElsewhere,
  invalidMember,
  onlyElsewhere,
  mustList,
  mustRecord,
  mustText,
  partOf,
  sourceOf,
  TurnBuilder,
} from '../neutral/request-builder.ts';
import { freeTextArguments, freeTextTool, ToolNaming } from '../neutral/tool-naming.ts';
import { compactionRequest, readCompaction } from './compaction.ts';
import { readResponseFormat } from '../neutral/response-format.ts';
import { openReasoning } from './reasoning-seal.ts';

/*
 * A request of the OpenAI Responses API:
 *
 *   input: text | ( { type?: message, role: user | system | developer, content: text | input_part[] }
 *                 | { type?: message, role: assistant, content: text | ( output_text | refusal )[] }
 *                 | { type: function_call, call_id, name, arguments }
 *                 | { type: function_call_output, call_id, output: text | input_part[] }
 *                 | { type: custom_tool_call, call_id, name, input, namespace? }
 *                 | { type: additional_tools, tools }                                  tools that were not there before
 *                 | { type: tool_search_call, execution: client, call_id, arguments } | { type: tool_search_output, call_id, tools }
 *                 | { type: custom_tool_call_output, call_id, output: text | input_part[] }
 *                 | { type: compaction, encrypted_content } | { type: compaction_trigger }                  compaction.ts
 *                 | { type: reasoning, summary: { text }[], content?: { text }[], encrypted_content? } )[]
 *   input_part: { type: input_text, text } | { type: input_image, image_url, detail? }
 *             | { type: input_file, file_data | file_url, filename? } | { type: input_audio, input_audio: { data, format } }
 *   tools: ( { type: function, name, description?, parameters?, strict? }
 *          | { type: custom, name, description?, format?: { type: text } | { type: grammar, syntax, definition } }
 *          | { type: tool_search, execution: client, description?, parameters? }
 *          | { type: namespace, name, description?, tools: ( function | custom )[] } )[]   all other types OpenAI runs itself
 *   tool_choice: none | auto | required | { type: function | custom, name, namespace? }
 *              | { type: allowed_tools, mode: auto | required, tools: { type, name }[] }
 *   text: { format: { type: text | json_object } | { type: json_schema, name, schema, strict?, description? } }
 *   reasoning: { effort?, summary? }     include: ( reasoning.encrypted_content | message.output_text.logprobs )[]
 */
const known = new Set([
  ...['model', 'input', 'instructions', 'stream', 'tools', 'tool_choice', 'parallel_tool_calls', 'text'],
  ...['reasoning', 'include', 'max_output_tokens', 'temperature', 'top_p', 'top_logprobs', 'user'],
  ...['safety_identifier', 'metadata', 'service_tier'],
]);

/** What a tool that finds others is called elsewhere. */
const toolSearchName = 'tool_search';

/** Members that name a part of the conversation, which OpenAI holds. */
const held = ['previous_response_id', 'conversation', 'prompt'];
/** What only OpenAI does: an answer that is fetched later. */
const never = ['background'];

/**
 * What only hints at how OpenAI stores, caches, prices or counts the call, or at how long the answer is to be: no other
 * API has it.
 */
const hints = new Set([
  ...[
    'client_metadata',
    'context_management',
    'max_tool_calls',
    'moderation',
    'prompt_cache_key',
    'prompt_cache_options',
  ],
  ...['prompt_cache_retention', 'store', 'stream_options', 'truncation'],
]);

/** Items of what OpenAI's own tools did: the model said in its messages what came of it. */
const ownToolItems = new Set([
  ...['web_search_call', 'file_search_call', 'code_interpreter_call'],
  ...['mcp_list_tools', 'mcp_call', 'mcp_approval_request', 'mcp_approval_response'],
  ...['tool_search_call', 'tool_search_output'], // where the client does not search
]);

/** What clients and OpenAI note on items for themselves. Source: github.com/openai/codex, and OpenAI's API reference. */
const itemHints = new Set(['internal_chat_message_metadata_passthrough', 'end_turn', 'created_by']);

/** What is read of each; besides it what clients add for themselves: parsed texts, ids and states of items. */
const members = {
  message: new Set(['type', 'role', 'content', 'id', 'status', 'phase']),
  call: new Set(['type', 'id', 'call_id', 'name', 'arguments', 'status', 'namespace', 'parsed_arguments']),
  customCall: new Set(['type', 'id', 'call_id', 'name', 'input', 'status', 'namespace']),
  output: new Set(['type', 'id', 'call_id', 'output', 'status', 'name']),
  text: new Set(['type', 'text', 'annotations', 'logprobs', 'refusal', 'parsed']),
  image: new Set(['type', 'image_url', 'detail']),
  file: new Set(['type', 'file_data', 'file_url', 'filename']),
  audio: new Set(['type', 'input_audio']),
  tool: new Set(['type', 'name', 'description', 'parameters', 'strict', 'output_schema', 'format']),
  toolHints: new Set(['defer_loading', 'allowed_callers']),
  namespace: new Set(['type', 'name', 'description', 'tools']),
  format: new Set(['type', 'name', 'description', 'schema', 'strict']),
};

/** Members whose value is what happens anyway where nothing is stored. */
const defaults: Readonly<Record<string, (value: unknown) => boolean>> = {
  store: (value) => value === false,
  background: (value) => value === false,
  truncation: (value) => value === 'disabled',
  stream_options: () => true,
};

/** Reads a Responses request for a provider that speaks another API. Throws `invalid_request`. */
export function readResponsesBody(body: Readonly<Record<string, unknown>>, model: string): NeutralRequest {
  const use = new FeatureUse();
  for (const name of held) if (body[name] !== undefined && body[name] !== null) throw heldElsewhere(name);
  for (const name of never) if (body[name] === true) throw onlyElsewhere(name);
  const plain = new Set(Object.keys(body).filter((name) => defaults[name]?.(body[name])));
  use.leave(body, new Set([...known, ...hints, ...plain]));
  use.hint(body, new Set([...hints].filter((name) => !plain.has(name))));
  const { system, messages, isCompaction } = readInput(body.input, use);
  const instructions = text(body.instructions);
  const tools = allowedTools(readTools(body, use), record(body.tool_choice));
  const tier = text(body.service_tier);
  if (Object.keys(record(body.metadata) ?? {}).length > 0) use.use('metadata', 'metadata');
  return {
    ...{ model, stream: body.stream === true, messages, tools },
    system: instructions === null ? system : [{ type: 'text', text: instructions }, ...system],
    toolChoice:
      tools.length === 0 ? null : isCompaction ? { type: 'none' } : readToolChoice(body.tool_choice, use),
    parallelToolCalls:
      tools.length > 0 && body.parallel_tool_calls === false
        ? use.take('parallel_tool_calls', 'parallel_tool_calls', false)
        : null,
    responseFormat: isCompaction ? null : readFormat(record(body.text), use),
    reasoning: readReasoning(record(body.reasoning), use),
    maxOutputTokens: use.take('max_output_tokens', 'max_output_tokens', numberOf(body.max_output_tokens)),
    temperature: use.take('temperature', 'temperature', numberOf(body.temperature)),
    topP: use.take('top_p', 'top_p', numberOf(body.top_p)),
    ...{ topK: null, stop: [], seed: null, frequencyPenalty: null, presencePenalty: null },
    topLogprobs: readLogprobs(body, use),
    endUser: use.take('end_user', 'user', text(body.user) ?? text(body.safety_identifier)),
    serviceTier: tier === 'auto' ? null : use.take('service_tier', 'service_tier', tier),
    ...use.found(),
  };
}

function readLogprobs(body: Readonly<Record<string, unknown>>, use: FeatureUse): number | null {
  const isIncluded = Array.isArray(body.include) && body.include.includes('message.output_text.logprobs');
  const top = numberOf(body.top_logprobs);
  if (!isIncluded && !top) return null;
  use.use('logprobs', isIncluded ? 'include' : 'top_logprobs');
  return top ?? 0;
}

function readReasoning(
  given: Readonly<Record<string, unknown>> | null,
  use: FeatureUse,
): NeutralRequest['reasoning'] {
  const effort = text(given?.effort);
  if (effort === null) return null;
  use.use('reasoning', 'reasoning.effort');
  return { effort, budgetTokens: null };
}

function readFormat(
  config: Readonly<Record<string, unknown>> | null,
  use: FeatureUse,
): NeutralResponseFormat | null {
  if (config && config.verbosity !== 'medium') use.hint(config, new Set(['verbosity']), 'text');
  const at = { path: 'text.format', schemaPath: 'text.format', known: members.format };
  return readResponseFormat(record(config?.format), { ...at, schemaOf: (format) => format }, use);
}

/** The tools of a request: functions, free text tools, those in namespaces, and those that are told of on the way. */
export function readTools(
  { tools, input }: Readonly<Record<string, unknown>>,
  use: FeatureUse,
): NeutralTool[] {
  const later = Array.isArray(input)
    ? input.flatMap((item, index) => {
        const { type, tools: more } = record(item) ?? {};
        const hasTools = type === 'additional_tools' || type === 'tool_search_output';
        return hasTools ? readToolList(more, `input[${index}].tools`, use) : [];
      })
    : [];
  return [...readToolList(tools, 'tools', use), ...later];
}

function readToolList(value: unknown, listPath: string, use: FeatureUse): NeutralTool[] {
  if (value === null || value === undefined) return [];
  return mustList(value, listPath).flatMap((item, index) => {
    const path = `${listPath}[${index}]`;
    const { type, part } = partOf(item, path);
    if (type !== 'namespace') return readTool(part, path, use);
    use.leave(part, members.namespace, path);
    const namespace = mustText(part.name, `${path}.name`);
    const tools = mustList(part.tools, `${path}.tools`).flatMap((inner, at) =>
      readTool(partOf(inner, `${path}.tools[${at}]`).part, `${path}.tools[${at}]`, use),
    );
    return tools.map((tool) => ({ ...tool, namespace }));
  });
}

// OpenAI runs all other tools itself.
function readTool(part: Readonly<Record<string, unknown>>, path: string, use: FeatureUse): NeutralTool[] {
  if (part.type === 'tool_search' && part.execution === 'client') {
    use.use('tools', path);
    const told = { description: text(part.description), parameters: record(part.parameters), strict: null };
    return [{ name: toolSearchName, ...told, isToolSearch: true }];
  }
  if (part.type !== 'function' && part.type !== 'custom') {
    use.elsewhere.push({ path, what: `tools of type "${String(part.type)}"` });
    return [];
  }
  use.leave(part, new Set([...members.tool, ...members.toolHints]), path);
  use.hint(part, members.toolHints, path);
  use.use('tools', path);
  if (part.strict === true) use.use('strict_tools', `${path}.strict`);
  const name = mustText(part.name, `${path}.name`);
  if (part.type === 'custom') return [freeTextTool(name, text(part.description), record(part.format))];
  return [
    {
      ...{ name, description: text(part.description), parameters: record(part.parameters) },
      strict: typeof part.strict === 'boolean' ? part.strict : null,
    },
  ];
}

// A choice among some of the tools: the model is told of no others.
function allowedTools(tools: NeutralTool[], choice: Readonly<Record<string, unknown>> | null): NeutralTool[] {
  if (choice?.type !== 'allowed_tools') return tools;
  const names = new Set(records(choice.tools).map(({ name }) => name));
  return tools.filter(({ name, namespace }) => names.has(name) || names.has(namespace));
}

function readToolChoice(value: unknown, use: FeatureUse): NeutralToolChoice | null {
  if (value === null || value === undefined || value === 'auto') return null;
  use.use('tool_choice', 'tool_choice');
  if (value === 'none' || value === 'required') return { type: value };
  const choice = mustRecord(value, 'tool_choice');
  switch (choice.type) {
    case 'function':
    case 'custom': {
      const namespace = text(choice.namespace);
      const name = mustText(choice.name, 'tool_choice.name');
      return { type: 'tool', name, ...(namespace === null ? {} : { namespace }) };
    }
    case 'allowed_tools':
      return choice.mode === 'required' ? { type: 'required' } : { type: 'auto' };
    default:
      use.elsewhere.push({ path: 'tool_choice', what: `tools of type "${String(choice.type)}"` });
      return null;
  }
}

function readInput(
  value: unknown,
  use: FeatureUse,
): Pick<NeutralRequest, 'system' | 'messages'> & { readonly isCompaction: boolean } {
  const turns = new TurnBuilder();
  if (typeof value === 'string') turns.user({ type: 'text', text: value });
  else {
    for (const [index, item] of mustList(value, 'input').entries())
      readItem(mustRecord(item, `input[${index}]`), `input[${index}]`, { turns, use });
  }
  const isCompaction =
    Array.isArray(value) && records(value).some(({ type }) => type === 'compaction_trigger');
  return { system: turns.system(), messages: turns.messages(), isCompaction };
}

interface Reading {
  readonly turns: TurnBuilder;
  readonly use: FeatureUse;
}

function readItem(item: Readonly<Record<string, unknown>>, path: string, { turns, use }: Reading): void {
  use.hint(item, itemHints, path);
  switch (item.type ?? 'message') {
    case 'message':
      use.leave(item, new Set([...members.message, ...itemHints]), path);
      if (item.role === 'assistant') turns.assistant(...readOutput(item.content, `${path}.content`));
      else if (item.role === 'user') turns.user(...readParts(item.content, `${path}.content`, use));
      else if (item.role === 'system' || item.role === 'developer')
        turns.instruct(...readTexts(item.content, `${path}.content`, use));
      else throw invalidMember(`${path}.role`, 'user, assistant, system or developer');
      return;
    case 'function_call':
      use.leave(item, new Set([...members.call, ...itemHints]), path);
      turns.assistant({
        ...readCall(item, path),
        arguments: argumentsOf(mustText(item.arguments, `${path}.arguments`)),
      });
      return;
    case 'custom_tool_call':
      use.leave(item, new Set([...members.customCall, ...itemHints]), path);
      turns.assistant({
        ...readCall(item, path),
        arguments: freeTextArguments(mustText(item.input, `${path}.input`)),
      });
      return;
    case 'custom_tool_call_output':
    case 'function_call_output': {
      use.leave(item, new Set([...members.output, ...itemHints]), path);
      const callId = mustText(item.call_id, `${path}.call_id`);
      const content = readParts(item.output, `${path}.output`, use).filter(isResultPart);
      turns.toolResult({ callId, content, isError: false });
      return;
    }
    case 'reasoning':
      use.use('reasoning_history', path);
      turns.assistant(readReasoningItem(item));
      return;
    case 'compaction':
    case 'compaction_summary': {
      const summary = readCompaction(item);
      if (summary === null) throw heldElsewhere(path);
      turns.user({ type: 'text', text: summary });
      return;
    }
    case 'compaction_trigger':
      turns.user({ type: 'text', text: compactionRequest });
      return;
    case 'image_generation_call': {
      const data = text(item.result);
      if (data === null) use.hints.push(path);
      else turns.assistant({ type: 'image', source: sourceOf(data) });
      return;
    }
    case 'tool_search_call':
    case 'tool_search_output':
      readToolSearch(item, path, { turns, use });
      return;
    case 'additional_tools':
      return; // they are among the tools
    case 'item_reference':
      throw heldElsewhere(path);
    default:
      if (!ownToolItems.has(String(item.type)))
        throw onlyElsewhere(path, `items of type "${String(item.type)}"`);
      use.hints.push(path);
  }
}

// A search without a call's id was OpenAI's own.
function readToolSearch(
  item: Readonly<Record<string, unknown>>,
  path: string,
  { turns, use }: Reading,
): void {
  const id = text(item.call_id);
  if (id === null) use.hints.push(path);
  else if (item.type === 'tool_search_output')
    turns.toolResult({ callId: id, content: [foundTools(item.tools)], isError: false });
  else {
    const json = argumentsOf(JSON.stringify(item.arguments ?? {}));
    turns.assistant({ type: 'tool-call', id, name: toolSearchName, arguments: json });
  }
}

function foundTools(tools: unknown): NeutralText {
  const names = new ToolNaming(readToolList(tools, 'tools', new FeatureUse()));
  const found = names.tools.map((tool) => names.wireNameOf(tool));
  const said =
    found.length === 0 ? 'No tool was found.' : `These tools can be called now: ${found.join(', ')}`;
  return { type: 'text', text: said };
}

function readCall(item: Readonly<Record<string, unknown>>, path: string): Omit<NeutralToolCall, 'arguments'> {
  const namespace = text(item.namespace);
  return {
    type: 'tool-call',
    id: mustText(item.call_id, `${path}.call_id`),
    name: mustText(item.name, `${path}.name`),
    ...(namespace === null ? {} : { namespace }),
  };
}

function isResultPart(part: NeutralUserBlock): part is NeutralText | NeutralImage | NeutralFile {
  return part.type === 'text' || part.type === 'image' || part.type === 'file';
}

function readReasoningItem(item: Readonly<Record<string, unknown>>): NeutralReasoning {
  const parts = records(item.content).length > 0 ? records(item.content) : records(item.summary);
  const { signature, encrypted } = openReasoning(text(item.encrypted_content));
  return {
    type: 'reasoning',
    text: parts.map((part) => text(part.text) ?? '').join('\n'),
    signature,
    encrypted,
  };
}

function readOutput(content: unknown, path: string): (NeutralText | { type: 'refusal'; text: string })[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return mustList(content, path).map((value, index) => {
    const at = `${path}[${index}]`;
    const { type, part } = partOf(value, at);
    if (type === 'refusal') return { type: 'refusal', text: mustText(part.refusal, `${at}.refusal`) };
    if (type !== 'output_text' && type !== 'input_text')
      throw invalidMember(`${at}.type`, 'output_text or refusal');
    return { type: 'text', text: mustText(part.text, `${at}.text`) };
  });
}

function readTexts(content: unknown, path: string, use: FeatureUse): NeutralText[] {
  return readParts(content, path, use).map((part) => {
    if (part.type !== 'text') throw invalidMember(path, 'text');
    return part;
  });
}

function readParts(content: unknown, path: string, use: FeatureUse): NeutralUserBlock[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return mustList(content, path).map((value, index): NeutralUserBlock => {
    const at = `${path}[${index}]`;
    const { type, part } = partOf(value, at);
    switch (type) {
      case 'input_text':
      case 'output_text':
        use.leave(part, members.text, at);
        return { type: 'text', text: mustText(part.text, `${at}.text`) };
      case 'input_image': {
        use.leave(part, members.image, at);
        const source = sourceOf(mustText(part.image_url, `${at}.image_url`));
        use.use(`image.${source.type}`, at);
        const detail = text(part.detail);
        return { type: 'image', source, ...(detail === null ? {} : { detail }) };
      }
      case 'input_file': {
        use.leave(part, members.file, at);
        const source = sourceOf(
          mustText(part.file_data ?? part.file_url, `${at}.file_data`),
          text(part.filename),
        );
        use.use(`file.${source.type}`, at);
        return { type: 'file', source, name: text(part.filename) };
      }
      case 'input_audio': {
        use.leave(part, members.audio, at);
        use.use('audio', at);
        const audio = mustRecord(part.input_audio, `${at}.input_audio`);
        const data = mustText(audio.data, `${at}.input_audio.data`);
        return { type: 'audio', data, format: mustText(audio.format, `${at}.input_audio.format`) };
      }
      default:
        throw invalidMember(`${at}.type`, 'input_text, input_image, input_file or input_audio');
    }
  });
}
