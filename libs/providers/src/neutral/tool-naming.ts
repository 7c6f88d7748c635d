import { hash } from 'node:crypto';
import { record } from '../json-values.ts';
import { CallIds } from './call-ids.ts';
import type {
  NeutralAssistantBlock,
  NeutralRequest,
  NeutralTool,
  NeutralUserBlock,
  ToolPlace,
} from './neutral-request.ts';

/** What a tool is called by its caller. */
export type ToolName = Pick<NeutralTool, 'name'> & ToolPlace;

/** The one parameter of the function that stands for a free text tool. */
export const freeTextParameter = 'input';

/** Names that every provider takes for a function. Source: the API references of OpenAI, Anthropic, Gemini and Bedrock. */
const wireName = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const wireNameLengthMax = 64;
const hashLength = 8;

/**
 * The names of a request's tools as providers take them: short, of few characters, without namespaces. The same tools
 * always get the same names, so an answer finds the caller's by the caller's request alone.
 */
export class ToolNaming {
  readonly #tools = new Map<string, NeutralTool>();
  readonly #wireNames = new Map<string, string>();

  constructor(tools: readonly NeutralTool[]) {
    for (const tool of tools) {
      if (this.#wireNames.has(keyOf(tool))) continue;
      const flat = flatName(tool);
      const name = this.#tools.has(flat) ? shortened(flat, keyOf(tool)) : flat;
      this.#tools.set(name, tool);
      this.#wireNames.set(keyOf(tool), name);
    }
  }

  /** Each of them once. */
  get tools(): readonly NeutralTool[] {
    return [...this.#tools.values()];
  }

  /** What the provider calls a tool. Of two with the same name the later one gets a name of its own. */
  wireNameOf(tool: ToolName): string {
    return this.#find(tool) ?? flatName(tool);
  }

  has(tool: ToolName): boolean {
    return this.#find(tool) !== undefined;
  }

  /** The caller's tool that a provider called by this name; a name that is not known stays. */
  callerNameOf(name: string): ToolName {
    const tool = this.#tools.get(name);
    if (!tool) return { name };
    return {
      name: tool.name,
      ...(tool.namespace === undefined ? {} : { namespace: tool.namespace }),
      ...(tool.isFreeText ? { isFreeText: true } : {}),
      ...(tool.isToolSearch ? { isToolSearch: true } : {}),
    };
  }

  // Callers may leave out the namespace of a tool whose name is in only one.
  #find(tool: ToolName): string | undefined {
    const exact = this.#wireNames.get(keyOf(tool));
    if (exact !== undefined || tool.namespace !== undefined) return exact;
    const [found, ...others] = [...this.#tools].filter(([, { name }]) => name === tool.name);
    return others.length === 0 ? found?.[0] : undefined;
  }
}

/**
 * Returns the request with tools as functions, and with names and ids of calls that its provider takes. A choice of a tool
 * that was left out is left out too, and `drop` is told of it.
 */
export function withWireTools(
  request: NeutralRequest,
  fitId: (id: string) => string,
  drop: (path: string) => void,
): NeutralRequest {
  const naming = new ToolNaming(request.tools);
  const ids = new CallIds(fitId);
  const assistantBlock = (block: NeutralAssistantBlock): NeutralAssistantBlock => {
    if (block.type !== 'tool-call') return block;
    const { namespace: _namespace, isFreeText: _isFreeText, ...call } = block;
    const name = naming.wireNameOf(block);
    return { ...call, id: ids.call(block.id, name), name };
  };
  const userBlock = (block: NeutralUserBlock): NeutralUserBlock => {
    if (block.type !== 'tool-result') return block;
    const { id: callId, name = block.name } = ids.result(block.callId);
    return { ...block, callId, name };
  };
  const { toolChoice } = request;
  const isGone = toolChoice?.type === 'tool' && request.elsewhere.length > 0 && !naming.has(toolChoice);
  if (isGone) drop(request.features.get('tool_choice') ?? 'tool_choice');
  return {
    ...request,
    tools: naming.tools.map((tool) => functionOf(tool, naming.wireNameOf(tool))),
    toolChoice: isGone
      ? null
      : toolChoice?.type === 'tool'
        ? { type: 'tool', name: naming.wireNameOf(toolChoice) }
        : toolChoice,
    messages: request.messages.map((message) =>
      message.role === 'user'
        ? { role: 'user', content: message.content.map(userBlock) }
        : { role: 'assistant', content: message.content.map(assistantBlock) },
    ),
  };
}

function functionOf(tool: NeutralTool, name: string): NeutralTool {
  const { namespace: _namespace, isToolSearch: _isToolSearch, isFreeText, ...rest } = tool;
  if (!isFreeText) return { ...rest, name };
  const parameters = {
    type: 'object',
    properties: {
      [freeTextParameter]: { type: 'string', description: 'The whole input of the tool, as text.' },
    },
    required: [freeTextParameter],
    additionalProperties: false,
  };
  return { ...rest, name, parameters };
}

/** A tool whose input is plain text. What the text must look like is said to the model, which nothing else holds to it. */
export function freeTextTool(
  name: string,
  description: string | null,
  format: Readonly<Record<string, unknown>> | null,
): NeutralTool {
  const { syntax, definition } = record(format?.grammar) ?? format ?? {};
  const grammar =
    typeof definition === 'string'
      ? [`The input must match this ${String(syntax)} grammar:\n${definition}`]
      : [];
  const told = [...(description === null ? [] : [description]), ...grammar];
  return {
    ...{ name, description: told.length === 0 ? null : told.join('\n\n') },
    ...{ parameters: null, strict: null, isFreeText: true },
  };
}

/** The arguments of a function that stands for a free text tool. */
export function freeTextArguments(input: string): string {
  return JSON.stringify({ [freeTextParameter]: input });
}

function keyOf({ name, namespace }: ToolName): string {
  return JSON.stringify([namespace ?? '', name]);
}

function flatName({ name, namespace }: ToolName): string {
  const flat = namespace === undefined ? name : `${namespace}__${name}`;
  return wireName.test(flat) ? flat : shortened(flat, flat);
}

function shortened(name: string, unique: string): string {
  const cleaned = name.replaceAll(/[^A-Za-z0-9_-]/g, '_').replace(/^(?=[^A-Za-z_])/, '_');
  const mark = hash('sha256', unique, 'hex').slice(0, hashLength);
  return `${cleaned.slice(0, wireNameLengthMax - hashLength - 1)}_${mark}`;
}
