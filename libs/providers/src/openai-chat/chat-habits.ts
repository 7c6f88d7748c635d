import { type Feature, hintFeatures } from '../neutral/neutral-request.ts';
import type { ToolIdRule } from '../neutral/tool-ids.ts';

/** What a kind of provider takes of OpenAI's chat API. */
export interface ChatHabits {
  /** What it calls members that OpenAI calls otherwise, by OpenAI's name. */
  readonly renames: Readonly<Record<string, string>>;
  /** What it refuses, or takes without effect. */
  readonly lacks: readonly Feature[];
  /** Members that only hint and that it refuses, besides those of `lacks`. */
  readonly refusesHints: readonly string[];
  readonly toolIds: ToolIdRule | null;
  /** Whether a system message may stand in the middle of the conversation. */
  readonly placesInstructions: boolean;
  /** Whether an answer can be held to a schema; else the model is told of it and held to JSON. */
  readonly hasSchemas: boolean;
  /** Models that take `reasoning_effort`. `asked`: nobody knows, so it is sent where the caller insists on it. */
  readonly reasons: RegExp | 'asked' | 'all';
  /** What turns reasoning off. */
  readonly reasoningOff: 'reasoning_effort' | 'thinking' | null;
  /** The member of an assistant's message by which reasoning comes back to the provider. */
  readonly reasoningBack: 'reasoning_content' | 'reasoning_details' | null;
}

/** OpenAI says so where an id is longer: "string too long. Expected a string with maximum length 40". */
const openAiIds: ToolIdRule = { pattern: /^.{1,40}$/s, prefix: 'call_', length: 40 };
/** github.com/mistralai/mistral-common, validator.py: `^[a-zA-Z0-9]{9}$`. */
export const mistralIds: ToolIdRule = { pattern: /^[a-zA-Z0-9]{9}$/, prefix: '', length: 9 };

/** OpenAI's models that reason: platform.openai.com/docs/guides/reasoning. */
const openAiReasoning = /^(?:ft:)?(?:o\d|gpt-(?:5(?!.*-chat)|[6-9]|\d\d)|codex-)/;

/** For requests whose kind of provider is not known: all that OpenAI's API has. */
export const plainHabits: ChatHabits = {
  ...{ renames: {}, lacks: [], refusesHints: [], toolIds: null, placesInstructions: true },
  ...{ hasSchemas: true, reasons: 'all', reasoningOff: 'reasoning_effort', reasoningBack: null },
};

/** An API that is like OpenAI's, of which no more is known. `max_tokens` is the older name, which all of them take. */
const likeOpenAi: ChatHabits = {
  ...{ renames: { max_completion_tokens: 'max_tokens' }, lacks: [], refusesHints: [], toolIds: null },
  // Chat templates of open models refuse a system message that is not the first.
  hasSchemas: true,
  ...{ placesInstructions: false, reasons: 'asked', reasoningOff: null, reasoningBack: 'reasoning_content' },
};

/** By kind of provider, each with where it is written. */
const habits: Readonly<Record<string, ChatHabits>> = {
  // platform.openai.com/docs/api-reference/chat/create
  openai: { ...plainHabits, toolIds: openAiIds, reasons: openAiReasoning },
  // The model is the name of a deployment, which says nothing of what it can do.
  'azure-openai': { ...plainHabits, toolIds: openAiIds, reasons: 'asked' },
  // docs.mistral.ai/api: a member that is not there is refused ("extra_forbidden")
  mistral: {
    ...{ ...likeOpenAi, toolIds: mistralIds, reasoningBack: null },
    renames: { max_completion_tokens: 'max_tokens', seed: 'random_seed' },
    ...{ lacks: ['end_user', 'service_tier', 'logprobs', 'logit_bias', 'metadata'], reasons: /$^/ },
    refusesHints: ['stream_options', 'store', 'verbosity', 'prompt_cache_key', 'prompt_cache_retention'],
  },
  // api-docs.deepseek.com/api/create-chat-completion, guides/thinking_mode, guides/json_mode
  deepseek: {
    ...{ ...likeOpenAi, hasSchemas: false, reasons: 'all', reasoningOff: 'thinking' },
    lacks: ['end_user', 'service_tier', 'parallel_tool_calls', 'seed', 'logit_bias', 'metadata'],
  },
  // console.groq.com/docs/api-reference, docs/reasoning, docs/openai ("currently unsupported")
  groq: {
    ...{ ...likeOpenAi, renames: {}, reasons: /gpt-oss|qwen/, reasoningBack: null },
    ...{ reasoningOff: null, lacks: ['logprobs', 'logit_bias', 'metadata'] },
  },
  // docs.x.ai/docs/guides/reasoning: other models refuse the effort
  xai: {
    ...{ ...likeOpenAi, renames: {}, reasons: /grok-3-mini|grok-4\.[3-9]|grok-[5-9]/ },
    ...{ reasoningBack: null, lacks: ['logit_bias', 'metadata'] },
  },
  // openrouter.ai/docs/api-reference/overview, docs/use-cases/reasoning-tokens
  openrouter: {
    ...{ ...plainHabits, placesInstructions: false, reasoningBack: 'reasoning_details' },
  },
  // docs.together.ai/reference/chat-completions-1
  together: { ...likeOpenAi, lacks: ['end_user', 'service_tier', 'parallel_tool_calls'] },
  // docs.fireworks.ai/api-reference/post-chatcompletions
  fireworks: { ...likeOpenAi, lacks: ['service_tier'] },
  // docs.perplexity.ai/api-reference/chat-completions-post
  perplexity: {
    ...{ ...likeOpenAi, reasoningBack: null },
    lacks: ['end_user', 'service_tier', 'parallel_tool_calls', 'seed', 'logprobs', 'logit_bias', 'metadata'],
  },
  // github.com/ollama/ollama, openai/openai.go (ChatCompletionRequest) and docs/openai.md
  ollama: {
    ...likeOpenAi,
    lacks: ['end_user', 'service_tier', 'parallel_tool_calls', 'logit_bias', 'metadata'],
  },
  // docs.vllm.ai, vllm/entrypoints/openai/protocol.py (ChatCompletionRequest)
  vllm: { ...likeOpenAi, lacks: ['service_tier', 'metadata'] },
};

/** What a kind of provider takes of the chat API. */
export function chatHabitsOf(kind: string): ChatHabits {
  return habits[kind] ?? likeOpenAi;
}

/** What is known of a kind of provider besides that it is like OpenAI; null: no more. */
export function knownHabitsOf(kind: string): ChatHabits | null {
  return habits[kind] ?? null;
}

/** The members of OpenAI's chat API that a feature is. */
const membersOf: Readonly<Partial<Record<Feature, readonly string[]>>> = {
  end_user: ['user', 'safety_identifier'],
  service_tier: ['service_tier'],
  parallel_tool_calls: ['parallel_tool_calls'],
  metadata: ['metadata'],
};

/** Members of OpenAI's chat API that only hint, and that a kind of provider refuses or ignores. */
export function hintsRefused({ lacks, refusesHints }: ChatHabits): string[] {
  const hints = lacks.filter((feature) => hintFeatures.has(feature));
  return [...hints.flatMap((feature) => membersOf[feature] ?? []), ...refusesHints];
}

/** Models of OpenAI that reason, and take no other sampling than their own. */
export function fixesSampling(model: string): boolean {
  return openAiReasoning.test(model);
}

/**
 * Models that refuse functions together with any effort but `none` in the chat API: "Function tools with
 * reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions" (openai/openai-openapi#541).
 */
const toolsWithoutReasoning = /^gpt-(?:5\.(?:[4-9]|\d\d)|[6-9]|\d\d)/;

/** The effort as a model of OpenAI takes it; null: none is said. platform.openai.com/docs/guides/reasoning. */
export function openAiEffort(model: string, effort: string, hasTools: boolean): string | null {
  if (toolsWithoutReasoning.test(model) && hasTools) return 'none';
  if (effort === 'none')
    return /^gpt-(?:5\.|[6-9]|\d\d)/.test(model) ? 'none' : /^gpt-5/.test(model) ? 'minimal' : null;
  if (effort === 'minimal') return /^gpt-5(?:-|$)/.test(model) ? 'minimal' : 'low';
  if (effort === 'xhigh' || effort === 'max')
    return /^gpt-(?:5\.(?:[2-9]|\d\d)|5\.1-codex-max|[6-9]|\d\d)/.test(model) ? 'xhigh' : 'high';
  return effort;
}
