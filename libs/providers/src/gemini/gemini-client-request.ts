import { numberOf, record, text } from '../json-values.ts';
import type {
  NeutralRequest,
  NeutralResponseFormat,
  NeutralText,
  NeutralTool,
  NeutralToolChoice,
} from '../neutral/neutral-request.ts';
import {
  FeatureUse,
  heldElsewhere,
  invalidMember,
  mustRecord,
  mustText,
} from '../neutral/request-builder.ts';
import { readContents } from './gemini-contents.ts';
import { camelMembers, camelRecord, itemsOf } from './gemini-members.ts';
import { jsonSchemaOf } from './gemini-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/*
 * Grammar: gemini-request.ts, with what only callers write. Sources: ai.google.dev/api/generate-content, and the types of
 * @google/genai 3.3.0 (GenerateContentConfig, Tool, FunctionDeclaration, FunctionCallingConfig, ThinkingConfig):
 *
 *   functionDeclarations: { name, description?, parameters?: schema | parametersJsonSchema?, response?, behavior? }[]
 *   functionCallingConfig: { mode: AUTO | ANY | NONE | VALIDATED, allowedFunctionNames? }
 *   generationConfig: { …, candidateCount?, responseSchema?: schema, mediaResolution?, responseModalities?, … }
 *   safetySettings?, labels?, serviceTier?, cachedContent?, store?
 *
 * Members may be written in snake case, and a list of one as its item.
 */
const members = {
  body: new Set([
    ...['model', 'contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig', 'serviceTier'],
    'cachedContent',
  ]),
  /** Of how Google filters, bills and stores. */
  bodyHints: new Set(['safetySettings', 'labels', 'store', 'modelArmorConfig']),
  config: new Set([
    ...['temperature', 'topP', 'topK', 'maxOutputTokens', 'stopSequences', 'candidateCount', 'seed'],
    ...['presencePenalty', 'frequencyPenalty', 'responseLogprobs', 'logprobs', 'responseMimeType'],
    ...[
      'responseSchema',
      'responseJsonSchema',
      '_responseJsonSchema',
      'thinkingConfig',
      'responseModalities',
    ],
  ]),
  configHints: new Set([
    ...['mediaResolution', 'audioTimestamp', 'enableEnhancedCivicAnswers', 'enableAffectiveDialog'],
    ...['routingConfig', 'modelSelectionConfig'],
  ]),
  thinking: new Set(['includeThoughts', 'thinkingBudget', 'thinkingLevel']),
  declaration: new Set(['name', 'description', 'parameters', 'parametersJsonSchema']),
  declarationHints: new Set(['response', 'responseJsonSchema', 'behavior']),
  toolConfig: new Set(['functionCallingConfig']),
  toolConfigHints: new Set(['retrievalConfig', 'includeServerSideToolInvocations']),
  calling: new Set(['mode', 'allowedFunctionNames']),
  callingHints: new Set(['streamFunctionCallArguments']),
};

/** Reads a request of the Gemini API for a provider that speaks another one. Throws `invalid_request`. */
export function readGeminiBody(body: Json, model: string): NeutralRequest {
  const use = new FeatureUse();
  const given = camelMembers(body);
  if (text(given.cachedContent) !== null) throw heldElsewhere('cachedContent');
  use.leave(given, new Set([...members.body, ...members.bodyHints]));
  use.hint(given, members.bodyHints);
  const config = memberRecord(given.generationConfig, 'generationConfig') ?? {};
  use.leave(config, new Set([...members.config, ...members.configHints]), 'generationConfig');
  use.hint(config, members.configHints, 'generationConfig');
  const { tools, toolChoice } = readCalling(given, use);
  const { messages, isPrefill } = readContents(given.contents, use);
  if (isPrefill) use.use('assistant_prefill', `contents[${itemsOf(given.contents).length - 1}]`);
  return {
    ...{
      model,
      stream: false,
      system: readInstruction(given.systemInstruction),
      messages,
      tools,
      toolChoice,
    },
    ...{ parallelToolCalls: null, endUser: null },
    responseFormat: readFormat(config, use),
    reasoning: readThinking(config.thinkingConfig, use),
    ...readSampling(config, use),
    serviceTier: use.take('service_tier', 'serviceTier', tierOf(given.serviceTier)),
    ...use.found(),
  };
}

/** An object of the API that may be absent. Throws for what is no object. */
function memberRecord(value: unknown, path: string): Json | null {
  return value === undefined || value === null ? null : camelMembers(mustRecord(value, path));
}

function readInstruction(value: unknown): NeutralText[] {
  if (typeof value === 'string') return value === '' ? [] : [{ type: 'text', text: value }];
  const instruction = memberRecord(value, 'systemInstruction');
  return itemsOf(instruction?.parts).flatMap((item, index): NeutralText[] => {
    const path = `systemInstruction.parts[${index}]`;
    const part = camelMembers(mustRecord(item, path));
    const said = mustText(part.text, `${path}.text`);
    return said === '' ? [] : [{ type: 'text', text: said }];
  });
}

/**
 * What Gemini's models do where `topK` is absent, by `models.get` (ai.google.dev/api/models): 64, and 40 up to Gemini 2.0.
 * Gemini CLI sends it with each request.
 */
const topKDefaults: ReadonlySet<number | null> = new Set([40, 64]);

type Sampling = Pick<
  NeutralRequest,
  | 'maxOutputTokens'
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'stop'
  | 'seed'
  | 'frequencyPenalty'
  | 'presencePenalty'
  | 'topLogprobs'
>;

function readSampling(config: Json, use: FeatureUse): Sampling {
  const at = (name: string) => `generationConfig.${name}`;
  const number = (name: string) => {
    const value = config[name];
    if (value === undefined || value === null) return null;
    const given = numberOf(value);
    if (given === null) throw invalidMember(at(name), 'a number');
    return given;
  };
  const stop = itemsOf(config.stopSequences);
  if (stop.length > 0) use.use('stop', at('stopSequences'));
  if ((number('candidateCount') ?? 1) > 1) use.use('n', at('candidateCount'));
  const modalities = itemsOf(config.responseModalities);
  if (modalities.some((modality) => modality !== 'TEXT')) use.unknown.push(at('responseModalities'));
  if (topKDefaults.has(number('topK'))) use.defaults.add('top_k');
  const logprobs = config.responseLogprobs === true ? (number('logprobs') ?? 0) : null;
  return {
    maxOutputTokens: use.take('max_output_tokens', at('maxOutputTokens'), number('maxOutputTokens')),
    temperature: use.take('temperature', at('temperature'), number('temperature')),
    topP: use.take('top_p', at('topP'), number('topP')),
    topK: use.take('top_k', at('topK'), number('topK')),
    stop: stop.map((item, index) => mustText(item, at(`stopSequences[${index}]`))),
    seed: use.take('seed', at('seed'), number('seed')),
    frequencyPenalty: use.take(
      'frequency_penalty',
      at('frequencyPenalty'),
      number('frequencyPenalty') || null,
    ),
    presencePenalty: use.take('presence_penalty', at('presencePenalty'), number('presencePenalty') || null),
    topLogprobs: use.take('logprobs', at('responseLogprobs'), logprobs),
  };
}

// ai.google.dev/gemini-api/docs/structured-output: a schema needs the media type application/json.
function readFormat(config: Json, use: FeatureUse): NeutralResponseFormat | null {
  const type = text(config.responseMimeType) ?? 'text/plain';
  const given = ['responseJsonSchema', '_responseJsonSchema', 'responseSchema'].find((name) =>
    record(config[name]),
  );
  if (type === 'text/plain') {
    if (given === undefined) return null;
    throw invalidMember('generationConfig.responseMimeType', `"application/json" where "${given}" is set`);
  }
  if (type !== 'application/json') {
    use.unknown.push('generationConfig.responseMimeType');
    return null;
  }
  if (given === undefined) {
    use.use('response_format.json', 'generationConfig.responseMimeType');
    return { type: 'json' };
  }
  use.use('response_format.schema', `generationConfig.${given}`);
  return {
    ...{ type: 'schema', name: 'answer', description: null, strict: null },
    schema: jsonSchemaOf(mustRecord(config[given], `generationConfig.${given}`)),
  };
}

/**
 * How much the model thinks. Clients set it for every model, so it never stands in a call's way. Source:
 * ai.google.dev/gemini-api/docs/thinking: a budget of 0 turns thinking off, -1 leaves it to the model.
 */
function readThinking(value: unknown, use: FeatureUse): NeutralRequest['reasoning'] {
  const path = 'generationConfig.thinkingConfig';
  const config = memberRecord(value, path);
  if (!config) return null;
  use.leave(config, members.thinking, path);
  const budget = numberOf(config.thinkingBudget);
  const level = text(config.thinkingLevel);
  const effort = budget === 0 ? 'none' : (level?.toLowerCase() ?? null);
  if (effort !== null && !efforts.has(effort) && level !== 'THINKING_LEVEL_UNSPECIFIED')
    throw invalidMember(`${path}.thinkingLevel`, 'MINIMAL, LOW, MEDIUM or HIGH');
  const budgetTokens = budget !== null && budget > 0 ? budget : null;
  if (effort === null && budgetTokens === null && config.includeThoughts !== true) return null;
  use.use('reasoning', path);
  return { effort: effort !== null && efforts.has(effort) ? effort : null, budgetTokens, isOptional: true };
}

const efforts: ReadonlySet<string> = new Set(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']);

// `SERVICE_TIER_FLEX` in the types of some clients, `flex` in the documentation.
function tierOf(value: unknown): string | null {
  const tier = text(value)
    ?.toLowerCase()
    .replace(/^service_tier_/, '');
  return tier === undefined || tier === 'standard' || tier === 'unspecified' ? null : tier;
}

/** The functions of a request. Tools that Google runs itself are not among them. */
export function readTools(value: unknown, use: FeatureUse): NeutralTool[] {
  return itemsOf(value).flatMap((item, index) => {
    const path = `tools[${index}]`;
    const { functionDeclarations, ...others } = camelMembers(mustRecord(item, path));
    for (const [name, settings] of Object.entries(others)) {
      if (settings !== null && settings !== undefined)
        use.elsewhere.push({ path: `${path}.${name}`, what: `the tool "${name}"` });
    }
    return itemsOf(functionDeclarations).map((given, place) =>
      readDeclaration(given, `${path}.functionDeclarations[${place}]`, use),
    );
  });
}

function readDeclaration(value: unknown, path: string, use: FeatureUse): NeutralTool {
  const declaration = camelMembers(mustRecord(value, path));
  use.leave(declaration, new Set([...members.declaration, ...members.declarationHints]), path);
  use.hint(declaration, members.declarationHints, path);
  use.use('tools', path);
  const schema = record(declaration.parametersJsonSchema) ?? record(declaration.parameters);
  return {
    name: mustText(declaration.name, `${path}.name`),
    description: text(declaration.description),
    parameters: schema && jsonSchemaOf(schema),
    strict: null,
  };
}

// A choice among some of the functions: the model is told of no others.
function readCalling(body: Json, use: FeatureUse): Pick<NeutralRequest, 'tools' | 'toolChoice'> {
  const all = readTools(body.tools, use);
  const config = memberRecord(body.toolConfig, 'toolConfig') ?? {};
  use.leave(config, new Set([...members.toolConfig, ...members.toolConfigHints]), 'toolConfig');
  use.hint(config, members.toolConfigHints, 'toolConfig');
  const path = 'toolConfig.functionCallingConfig';
  const calling = camelRecord(config.functionCallingConfig);
  if (!calling || all.length === 0) return { tools: all, toolChoice: null };
  use.leave(calling, new Set([...members.calling, ...members.callingHints]), path);
  use.hint(calling, members.callingHints, path);
  const allowed = itemsOf(calling.allowedFunctionNames);
  const tools = allowed.length === 0 ? all : all.filter(({ name }) => allowed.includes(name));
  return { tools, toolChoice: readChoice(calling.mode, tools, path, use) };
}

function readChoice(
  mode: unknown,
  tools: readonly NeutralTool[],
  path: string,
  use: FeatureUse,
): NeutralToolChoice | null {
  const [only, second] = tools;
  switch (mode ?? 'AUTO') {
    case 'AUTO':
    case 'MODE_UNSPECIFIED':
      return { type: 'auto' };
    case 'VALIDATED': // calls that follow their schema, which other APIs promise of strict tools alone
      use.hints.push(`${path}.mode`);
      return { type: 'auto' };
    case 'NONE':
      use.use('tool_choice', `${path}.mode`);
      return { type: 'none' };
    case 'ANY':
      if (!only) throw invalidMember(`${path}.allowedFunctionNames`, 'names of functions in "tools"');
      use.use('tool_choice', `${path}.mode`);
      return second ? { type: 'required' } : { type: 'tool', name: only.name };
    default:
      throw invalidMember(`${path}.mode`, 'AUTO, ANY, NONE or VALIDATED');
  }
}
