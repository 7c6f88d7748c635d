import { LoomError } from '@loom/errors';
import { profileOf, simulatorModel } from '@loom/providers';

/** A provider as the operator's environment names it; the credential still in the clear. */
export interface EnvironmentProvider {
  readonly name: string;
  readonly kind: string;
  readonly baseUrl: string;
  readonly credential: string | null;
  readonly models: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

interface Source {
  readonly kind: string;
  /** First segment of `provider/model`; the kind, unless another word is shorter. */
  readonly name?: string;
  /** Of `<PREFIX>_API_KEY`, `<PREFIX>_BASE_URL` and `<PREFIX>_CALLER_ORGANIZATION`. */
  readonly prefix: string;
  readonly models: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

const sources: readonly Source[] = [
  {
    kind: 'openai',
    prefix: 'OPENAI',
    models: ['gpt-*', 'chatgpt-*', 'o1*', 'o3*', 'o4*', 'codex-*', 'text-embedding-*', 'omni-moderation-*'],
  },
  { kind: 'anthropic', prefix: 'ANTHROPIC', models: ['claude-*'] },
  { kind: 'gemini', prefix: 'GEMINI', models: ['gemini-*', 'gemma-*', 'learnlm-*'] },
  {
    kind: 'mistral',
    prefix: 'MISTRAL',
    models: [
      ...['mistral-*', 'ministral-*', 'magistral-*', 'codestral-*', 'devstral-*', 'pixtral-*', 'voxtral-*'],
      ...['open-mistral-*', 'open-mixtral-*'],
    ],
  },
  { kind: 'groq', prefix: 'GROQ', models: ['llama-3*', 'gemma2-*', 'compound-*'] },
  { kind: 'deepseek', prefix: 'DEEPSEEK', models: ['deepseek-*'] },
  { kind: 'xai', prefix: 'XAI', models: ['grok-*'] },
  { kind: 'cohere', prefix: 'COHERE', models: ['command-*', 'c4ai-*', 'embed-*'] },
  { kind: 'perplexity', prefix: 'PERPLEXITY', models: ['sonar*'] },
  { kind: 'openrouter', prefix: 'OPENROUTER', models: [] },
  { kind: 'together', prefix: 'TOGETHER', models: [] },
  { kind: 'fireworks', prefix: 'FIREWORKS', models: [] },
  { kind: 'ollama', prefix: 'OLLAMA', models: [] },
  { kind: 'vllm', prefix: 'VLLM', models: [] },
  { kind: 'openai-compatible', prefix: 'OPENAI_COMPATIBLE', models: ['*'] },
];

/**
 * The providers that are there: those with a key or a base URL, and always the simulator. Base URLs are the
 * operator's word: any http(s) host. Throws `config_invalid` for one that is no such URL.
 */
export function readEnvironmentProviders(env: Env): EnvironmentProvider[] {
  const named = sources.flatMap(({ kind, name = kind, prefix, models }) => {
    const credential = valueOf(env, `${prefix}_API_KEY`);
    const given = valueOf(env, `${prefix}_BASE_URL`);
    const defaultBaseUrl = profileOf(kind)?.defaultBaseUrl ?? '';
    if (credential === null && given === null) return [];
    if (given === null && defaultBaseUrl === '') {
      throw new LoomError('config_invalid', `${prefix}_API_KEY is set; set ${prefix}_BASE_URL too`);
    }
    const baseUrl = given === null ? defaultBaseUrl : toBaseUrl(given, `${prefix}_BASE_URL`);
    const passes = valueOf(env, `${prefix}_CALLER_ORGANIZATION`);
    if (passes !== null && passes !== 'pass')
      throw new LoomError(
        'config_invalid',
        `${prefix}_CALLER_ORGANIZATION is "${passes}"; its one value is pass`,
      );
    const options: Record<string, string> = passes === null ? {} : { callerOrganization: passes };
    return [{ name, kind, baseUrl, credential, models, options }];
  });
  const sim = {
    name: 'sim',
    kind: 'sim',
    baseUrl: '',
    credential: null,
    models: [simulatorModel],
    options: {},
  };
  return [...named, ...azure(env), ...bedrock(env), ...vertex(env), sim];
}

function valueOf(env: Env, ...names: readonly string[]): string | null {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value) return value;
  }
  return null;
}

/**
 * `AZURE_OPENAI_API_KEY` with `AZURE_OPENAI_ENDPOINT` (`https://<resource>.openai.azure.com`) or `AZURE_OPENAI_BASE_URL`.
 * With `AZURE_OPENAI_API_VERSION` the model is a deployment in the path, else the resource's `/openai/v1` is asked.
 */
function azure(env: Env): EnvironmentProvider[] {
  const credential = valueOf(env, 'AZURE_OPENAI_API_KEY');
  const given = valueOf(env, 'AZURE_OPENAI_BASE_URL');
  const endpoint = valueOf(env, 'AZURE_OPENAI_ENDPOINT');
  if (credential === null && given === null && endpoint === null) return [];
  const apiVersion = valueOf(env, 'AZURE_OPENAI_API_VERSION', 'OPENAI_API_VERSION');
  const options: Record<string, string> = apiVersion === null ? {} : { apiVersion };
  if (given === null && endpoint === null)
    throw new LoomError('config_invalid', 'AZURE_OPENAI_API_KEY is set; set AZURE_OPENAI_ENDPOINT too');
  const baseUrl =
    given === null
      ? `${toBaseUrl(endpoint ?? '', 'AZURE_OPENAI_ENDPOINT')}/openai${apiVersion === null ? '/v1' : ''}`
      : toBaseUrl(given, 'AZURE_OPENAI_BASE_URL');
  return [{ name: 'azure', kind: 'azure-openai', baseUrl, credential, models: [], options }];
}

/**
 * Bedrock by `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` (and `AWS_SESSION_TOKEN`) or by its API key
 * `AWS_BEARER_TOKEN_BEDROCK`, in `AWS_REGION`. Keys without a region are taken to be meant for something else.
 */
function bedrock(env: Env): EnvironmentProvider[] {
  const region = valueOf(env, 'AWS_REGION', 'AWS_DEFAULT_REGION');
  const given = valueOf(env, 'AWS_BEDROCK_BASE_URL', 'AWS_ENDPOINT_URL_BEDROCK_RUNTIME');
  const keyId = valueOf(env, 'AWS_ACCESS_KEY_ID');
  const secret = valueOf(env, 'AWS_SECRET_ACCESS_KEY');
  const session = valueOf(env, 'AWS_SESSION_TOKEN');
  const signing =
    keyId !== null && secret !== null ? [keyId, secret, ...(session ? [session] : [])].join(':') : null;
  const credential = valueOf(env, 'AWS_BEARER_TOKEN_BEDROCK') ?? signing;
  if (credential === null || region === null) return [];
  const baseUrl =
    given === null
      ? `https://bedrock-runtime.${region}.amazonaws.com`
      : toBaseUrl(given, 'AWS_BEDROCK_BASE_URL');
  const models = [
    'anthropic.*',
    'amazon.*',
    'meta.*',
    'mistral.*',
    'cohere.*',
    'us.*',
    'eu.*',
    'apac.*',
    'global.*',
  ];
  return [{ name: 'bedrock', kind: 'aws-bedrock', baseUrl, credential, models, options: { region } }];
}

/** Vertex AI by `VERTEX_AI_CREDENTIALS` (the JSON key of a service account, or an access token), project and location. */
function vertex(env: Env): EnvironmentProvider[] {
  const credential = valueOf(env, 'VERTEX_AI_CREDENTIALS');
  const given = valueOf(env, 'VERTEX_AI_BASE_URL');
  if (credential === null && given === null) return [];
  const project = valueOf(env, 'VERTEX_AI_PROJECT', 'GOOGLE_CLOUD_PROJECT');
  const location = valueOf(env, 'VERTEX_AI_LOCATION', 'GOOGLE_CLOUD_LOCATION') ?? 'global';
  if (given === null && project === null)
    throw new LoomError('config_invalid', 'VERTEX_AI_CREDENTIALS is set; set VERTEX_AI_PROJECT too');
  const host = location === 'global' ? 'aiplatform.googleapis.com' : `${location}-aiplatform.googleapis.com`;
  const baseUrl =
    given === null
      ? `https://${host}/v1/projects/${project}/locations/${location}`
      : toBaseUrl(given, 'VERTEX_AI_BASE_URL');
  return [{ name: 'vertex', kind: 'vertex-ai', baseUrl, credential, models: [], options: {} }];
}

function toBaseUrl(text: string, variable: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new LoomError('config_invalid', `${variable}: expected a URL such as https://host/v1`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new LoomError('config_invalid', `${variable}: a base URL has no user, query or fragment`);
  }
  return url.href.replace(/\/+$/, '');
}
