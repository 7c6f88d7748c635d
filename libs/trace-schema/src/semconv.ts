/**
 * OpenTelemetry GenAI semantic conventions, from open-telemetry/semantic-conventions-genai (Development). The only
 * file that spells `gen_ai.`: the rest of Loom says the domain names of this table.
 */
export const semconv = {
  operationName: 'gen_ai.operation.name',
  providerName: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  responseId: 'gen_ai.response.id',
  finishReasons: 'gen_ai.response.finish_reasons',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadInputTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteInputTokens: 'gen_ai.usage.cache_write.input_tokens',
  reasoningOutputTokens: 'gen_ai.usage.reasoning.output_tokens',
  conversationId: 'gen_ai.conversation.id',
  userId: 'user.id',
  errorType: 'error.type',
} as const;

/** `gen_ai.provider.name` by provider profile; a profile that is not well known is its own name. */
const providerNames: Readonly<Record<string, string>> = {
  'aws-bedrock': 'aws.bedrock',
  'azure-openai': 'azure.ai.openai',
  gemini: 'gcp.gemini',
  mistral: 'mistral_ai',
  'vertex-ai': 'gcp.vertex_ai',
  xai: 'x_ai',
};

export function providerNameOf(kind: string): string {
  return providerNames[kind] ?? kind;
}
