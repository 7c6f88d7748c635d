import { LoomError } from '@loom/errors';
import { profileOf, simulatorModel } from '@loom/providers';

/** A provider as the operator's environment names it; the credential still in the clear. */
export interface EnvironmentProvider {
  readonly name: string;
  readonly kind: string;
  readonly baseUrl: string;
  readonly credential: string | null;
  readonly models: readonly string[];
}

interface Source {
  readonly kind: string;
  /** Of `<PREFIX>_API_KEY` and `<PREFIX>_BASE_URL`. */
  readonly prefix: string;
  readonly models: readonly string[];
}

const sources: readonly Source[] = [
  {
    kind: 'openai',
    prefix: 'OPENAI',
    models: ['gpt-*', 'chatgpt-*', 'o1*', 'o3*', 'o4*', 'codex-*', 'text-embedding-*', 'omni-moderation-*'],
  },
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
  { kind: 'openai-compatible', prefix: 'OPENAI_COMPATIBLE', models: ['*'] },
];

/**
 * The providers that are there: those with a key or a base URL, and always the simulator. Base URLs are the
 * operator's word: any http(s) host. Throws `config_invalid` for one that is no such URL.
 */
export function readEnvironmentProviders(
  env: Readonly<Record<string, string | undefined>>,
): EnvironmentProvider[] {
  const named = sources.flatMap(({ kind, prefix, models }) => {
    const credential = env[`${prefix}_API_KEY`]?.trim() || null;
    const given = env[`${prefix}_BASE_URL`]?.trim() || null;
    const defaultBaseUrl = profileOf(kind)?.defaultBaseUrl ?? '';
    if (credential === null && given === null) return [];
    if (given === null && defaultBaseUrl === '') {
      throw new LoomError('config_invalid', `${prefix}_API_KEY is set; set ${prefix}_BASE_URL too`);
    }
    const baseUrl = given === null ? defaultBaseUrl : toBaseUrl(given, `${prefix}_BASE_URL`);
    return [{ name: kind, kind, baseUrl, credential, models }];
  });
  return [...named, { name: 'sim', kind: 'sim', baseUrl: '', credential: null, models: [simulatorModel] }];
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
