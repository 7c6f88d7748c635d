/*
 * What a request for a model's turn says, in no provider's words: the middle of every translation. A client half reads
 * it out of the caller's dialect, a provider half writes it in the provider's. It holds what at least two of them have;
 * everything else is a feature of one side, and is named in `features` so that it can be refused by its name.
 */

/** What a request may use and a provider may lack. The value in `features` is the caller's own path to it. */
export const features = [
  'frequency_penalty',
  'presence_penalty',
  'logit_bias',
  'logprobs',
  'n',
  'seed',
  'stop',
  'temperature',
  'top_k',
  'top_p',
  'max_output_tokens',
  'reasoning',
  'response_format.json',
  'response_format.schema',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'strict_tools',
  'image.data',
  'image.url',
  'file.data',
  'file.url',
  'audio',
  'reasoning_history',
  'cache_control',
  'end_user',
  'metadata',
  'service_tier',
  'assistant_prefill',
] as const;
export type Feature = (typeof features)[number];

/** Features whose loss changes how the model answers but not what it was asked: only these may be dropped on demand. */
export const droppableFeatures: ReadonlySet<Feature> = new Set<Feature>([
  'frequency_penalty',
  'presence_penalty',
  'logit_bias',
  'logprobs',
  'seed',
  'temperature',
  'top_k',
  'top_p',
  'parallel_tool_calls',
  'strict_tools',
  'reasoning',
  'reasoning_history',
  'cache_control',
  'end_user',
  'metadata',
  'service_tier',
]);

/**
 * Features that only hint: a cache, bookkeeping, a wish about how the service works. A provider that lacks one is asked
 * all the same, under every policy; what was left out is listed.
 */
export const hintFeatures: ReadonlySet<Feature> = new Set<Feature>([
  'parallel_tool_calls',
  'reasoning_history',
  'cache_control',
  'end_user',
  'metadata',
  'service_tier',
]);

/** Where bytes are: inline as base64, or at an address that the provider fetches. */
export type NeutralSource =
  | { readonly type: 'data'; readonly mediaType: string; readonly data: string }
  | { readonly type: 'url'; readonly url: string };

/** How long a prefix up to here may be kept in the provider's prompt cache; null: the provider's default. */
export interface NeutralCacheControl {
  readonly ttl: string | null;
}

interface Cacheable {
  readonly cacheControl?: NeutralCacheControl;
}

export interface NeutralText extends Cacheable {
  readonly type: 'text';
  readonly text: string;
}

export interface NeutralImage extends Cacheable {
  readonly type: 'image';
  readonly source: NeutralSource;
  /** `low`, `high`, `auto`. */
  readonly detail?: string;
}

export interface NeutralFile extends Cacheable {
  readonly type: 'file';
  readonly source: NeutralSource;
  readonly name: string | null;
}

export interface NeutralAudio {
  readonly type: 'audio';
  /** Base64. */
  readonly data: string;
  /** `wav`, `mp3`. */
  readonly format: string;
}

export interface NeutralToolCall extends Cacheable, ToolPlace {
  readonly type: 'tool-call';
  readonly id: string;
  readonly name: string;
  /**
   * JSON text of an object; `{}` for a call without arguments. Kept as the model wrote it. In an answer a call of a free
   * text tool has that text here.
   */
  readonly arguments: string;
  /** What the provider wants back with this call in the next turn (Gemini's thought signature). */
  readonly signature?: string;
}

/** What a tool is to its caller besides its name. APIs that know only functions get it in the name and the parameters. */
export interface ToolPlace {
  /** The group of tools that the name belongs to. */
  readonly namespace?: string;
  /** The model writes plain text instead of arguments. */
  readonly isFreeText?: true;
  /** It finds other tools, which the caller tells of afterwards. */
  readonly isToolSearch?: true;
}

export interface NeutralToolResult extends Cacheable {
  readonly type: 'tool-result';
  readonly callId: string;
  /** Name of the tool that was called, found in the history; '' when the call is not there. */
  readonly name: string;
  readonly content: readonly (NeutralText | NeutralImage | NeutralFile)[];
  readonly isError: boolean;
}

/** Reasoning of the model, as text, sealed, or both; `signature` proves the text to the provider that wrote it. */
export interface NeutralReasoning {
  readonly type: 'reasoning';
  readonly text: string;
  readonly signature: string | null;
  /** Reasoning that only the provider can read (`redacted_thinking`, `encrypted_content`). */
  readonly encrypted: string | null;
}

interface NeutralRefusal {
  readonly type: 'refusal';
  readonly text: string;
}

/** What the system or the developer says in the middle of a conversation. */
interface NeutralInstruction extends Cacheable {
  readonly type: 'instruction';
  readonly text: string;
}

export type NeutralUserBlock =
  NeutralText | NeutralImage | NeutralFile | NeutralAudio | NeutralToolResult | NeutralInstruction;
export type NeutralAssistantBlock =
  NeutralText | NeutralImage | NeutralAudio | NeutralToolCall | NeutralReasoning | NeutralRefusal;

/** Turns alternate: what a dialect writes as several messages of one side is one message here, in order. */
export type NeutralMessage =
  | { readonly role: 'user'; readonly content: readonly NeutralUserBlock[] }
  | { readonly role: 'assistant'; readonly content: readonly NeutralAssistantBlock[] };

export interface NeutralTool extends Cacheable, ToolPlace {
  readonly name: string;
  readonly description: string | null;
  /** JSON Schema of the arguments; null for a tool without any. */
  readonly parameters: Readonly<Record<string, unknown>> | null;
  readonly strict: boolean | null;
}

export type NeutralToolChoice =
  | { readonly type: 'auto' | 'none' | 'required' }
  | ({ readonly type: 'tool'; readonly name: string } & Pick<ToolPlace, 'namespace'>);

export type NeutralResponseFormat =
  | { readonly type: 'json' }
  | {
      readonly type: 'schema';
      readonly name: string;
      readonly description: string | null;
      readonly schema: Readonly<Record<string, unknown>>;
      readonly strict: boolean | null;
    };

interface NeutralReasoningOptions {
  /** `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`; null: not said. */
  readonly effort: string | null;
  readonly budgetTokens: number | null;
  /** The model may reason if it can: what stands in the way of it does not refuse the call. */
  readonly isOptional?: true;
}

export interface NeutralRequest {
  /** As the provider knows it. */
  readonly model: string;
  readonly stream: boolean;
  readonly system: readonly NeutralText[];
  readonly messages: readonly NeutralMessage[];
  readonly tools: readonly NeutralTool[];
  readonly toolChoice: NeutralToolChoice | null;
  readonly parallelToolCalls: boolean | null;
  readonly responseFormat: NeutralResponseFormat | null;
  readonly reasoning: NeutralReasoningOptions | null;
  readonly maxOutputTokens: number | null;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly stop: readonly string[];
  readonly seed: number | null;
  readonly frequencyPenalty: number | null;
  readonly presencePenalty: number | null;
  /** Alternatives per token; null: none asked for. */
  readonly topLogprobs: number | null;
  readonly endUser: string | null;
  readonly serviceTier: string | null;
  /** What the request uses, each with the caller's path to it: `temperature`, `messages[2].content[0]`. */
  readonly features: ReadonlyMap<Feature, string>;
  /** Those of the features that state a default of the caller's own API: a provider that lacks one is asked all the same. */
  readonly defaults: ReadonlySet<Feature>;
  /** Members that the client half does not know, by the caller's path. They cannot be carried over. */
  readonly unknown: readonly string[];
  /** Tools that only the provider of the caller's own API runs. The call can do without them where the policy says so. */
  readonly elsewhere: readonly { readonly path: string; readonly what: string }[];
  /** Members that only hint and that no other API has, by the caller's path. They are left out under every policy. */
  readonly hints: readonly string[];
}

/** Features that are one member of the request each. */
const memberOfFeature = {
  ...{ frequency_penalty: 'frequencyPenalty', presence_penalty: 'presencePenalty', logprobs: 'topLogprobs' },
  ...{ seed: 'seed', temperature: 'temperature', top_k: 'topK', top_p: 'topP', reasoning: 'reasoning' },
  ...{ parallel_tool_calls: 'parallelToolCalls', end_user: 'endUser', service_tier: 'serviceTier' },
} as const satisfies Partial<Record<Feature, keyof NeutralRequest>>;

/** The request without what its provider lacks. */
export function withoutFeatures(request: NeutralRequest, lost: ReadonlySet<Feature>): NeutralRequest {
  const gone = Object.entries(memberOfFeature).filter(([feature]) => lost.has(feature as Feature));
  const members = Object.fromEntries(gone.map(([, member]) => [member, null]));
  const features = new Map([...request.features].filter(([feature]) => !lost.has(feature)));
  return { ...request, ...members, features };
}
