/** What the form asks about one kind of provider. The service checks what is entered. */
export interface ProviderKind {
  readonly kind: string;
  readonly label: string;
  /** The address to begin with; '' when it is the operator's own. */
  readonly baseUrl: string;
  /** What an own address looks like. */
  readonly address?: string;
  /** What its credential is. */
  readonly credential: string;
  readonly options?: readonly ProviderOption[];
  /** False where no list of models can be asked for, and so nothing be tested without a call. */
  readonly hasModelList?: false;
}

export interface ProviderOption {
  readonly name: string;
  readonly label: string;
  readonly example: string;
  readonly hint: string;
  readonly required?: boolean;
  /** The address that goes with a value. */
  readonly baseUrlOf?: (value: string) => string;
}

const apiKey = 'An API key.';
const perhaps = 'An API key, if it asks for one.';

const callerOrganization: ProviderOption = {
  ...{ name: 'callerOrganization', label: "Callers' organization", example: 'pass' },
  hint: 'Optional. With pass, callers choose by openai-organization and openai-project whose budget the credential works with.',
};

/** Kinds of provider that Loom speaks with, in the order of the form. */
export const providerKinds: readonly ProviderKind[] = [
  {
    ...{ kind: 'openai', label: 'OpenAI', baseUrl: 'https://api.openai.com/v1' },
    credential: 'An API key: sk-…',
    options: [callerOrganization],
  },
  {
    ...{ kind: 'anthropic', label: 'Anthropic', baseUrl: 'https://api.anthropic.com' },
    credential: 'An API key: sk-ant-…',
  },
  {
    ...{ kind: 'gemini', label: 'Google Gemini', baseUrl: 'https://generativelanguage.googleapis.com' },
    credential: 'An API key of Google AI Studio: AIza…',
  },
  {
    ...{ kind: 'vertex-ai', label: 'Google Vertex AI', baseUrl: '' },
    address: 'https://aiplatform.googleapis.com/v1/projects/my-project/locations/global',
    credential: 'The JSON key of a service account, whole, or an access token.',
    hasModelList: false,
  },
  {
    ...{ kind: 'aws-bedrock', label: 'AWS Bedrock', baseUrl: '' },
    address: 'https://bedrock-runtime.us-east-1.amazonaws.com',
    credential: '<access key id>:<secret access key>, with :<session token> if there is one; or an API key of Bedrock.', // prettier-ignore
    hasModelList: false,
    options: [
      {
        ...{ name: 'region', label: 'Region', example: 'us-east-1', required: true },
        hint: 'Requests are signed for it.',
        baseUrlOf: (region) => (region === '' ? '' : `https://bedrock-runtime.${region}.amazonaws.com`),
      },
    ],
  },
  {
    ...{ kind: 'azure-openai', label: 'Azure OpenAI', baseUrl: '' },
    address: 'https://my-resource.openai.azure.com/openai/v1',
    credential: 'A key of the resource.',
    options: [
      {
        ...{ name: 'apiVersion', label: 'API version', example: '2024-10-21' },
        hint: 'Optional. With one, models are deployments and the address ends with /openai.',
      },
    ],
  },
  { kind: 'mistral', label: 'Mistral', baseUrl: 'https://api.mistral.ai/v1', credential: apiKey },
  {
    ...{ kind: 'groq', label: 'Groq', baseUrl: 'https://api.groq.com/openai/v1' },
    credential: 'An API key: gsk_…',
  },
  { kind: 'deepseek', label: 'DeepSeek', baseUrl: 'https://api.deepseek.com/v1', credential: apiKey },
  { kind: 'xai', label: 'xAI', baseUrl: 'https://api.x.ai/v1', credential: 'An API key: xai-…' },
  { kind: 'cohere', label: 'Cohere', baseUrl: 'https://api.cohere.com', credential: apiKey },
  {
    ...{ kind: 'openrouter', label: 'OpenRouter', baseUrl: 'https://openrouter.ai/api/v1' },
    credential: 'An API key: sk-or-…',
  },
  { kind: 'together', label: 'Together AI', baseUrl: 'https://api.together.xyz/v1', credential: apiKey },
  {
    ...{ kind: 'fireworks', label: 'Fireworks AI', baseUrl: 'https://api.fireworks.ai/inference/v1' },
    credential: 'An API key: fw_…',
  },
  {
    ...{ kind: 'perplexity', label: 'Perplexity', baseUrl: 'https://api.perplexity.ai' },
    credential: 'An API key: pplx-…',
  },
  {
    ...{ kind: 'ollama', label: 'Ollama', baseUrl: 'http://127.0.0.1:11434/v1' },
    credential: 'None, as a rule.',
  },
  {
    ...{ kind: 'vllm', label: 'vLLM', baseUrl: '', address: 'https://vllm.example.com/v1' },
    credential: perhaps,
  },
  {
    ...{ kind: 'openai-compatible', label: 'Another OpenAI-compatible API', baseUrl: '' },
    ...{ address: 'https://llm.example.com/v1', credential: perhaps },
  },
];

const byKind = new Map(providerKinds.map((entry) => [entry.kind, entry]));

/** A kind that this console does not know is asked for what every kind has. */
export function providerKindOf(kind: string): ProviderKind {
  return byKind.get(kind) ?? { kind, label: kind, baseUrl: '', credential: perhaps };
}

/** The address for another choice of kind or option: the one that goes with it, unless one was typed. */
export function nextBaseUrl(typed: string, before: string, after: string): string {
  return typed === '' || typed === before ? after : typed;
}

/** The keys in a credential: one a line, but a JSON key is one however many lines it has. */
export function countKeys(credential: string): number {
  if (credential.trimStart().startsWith('{')) return 1;
  return credential.split('\n').filter((line) => line.trim() !== '').length;
}
