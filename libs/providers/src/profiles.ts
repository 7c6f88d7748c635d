/** The wire behaviour of a kind of provider, as far as it differs from OpenAI's own API. */
export interface ProviderProfile {
  readonly kind: string;
  /** Where the API is when the operator names no other. */
  readonly defaultBaseUrl: string;
  /** How the credential travels. */
  readonly authHeader: (credential: string) => readonly [name: string, value: string];
  /**
   * Whether `stream_options.include_usage` may be added to a streamed request. False where the provider reports
   * usage by itself or refuses the option.
   */
  readonly asksForStreamUsage: boolean;
}

const bearer = (credential: string) => ['authorization', `Bearer ${credential}`] as const;

const profiles: readonly ProviderProfile[] = [
  {
    kind: 'openai',
    defaultBaseUrl: 'https://api.openai.com/v1',
    authHeader: bearer,
    asksForStreamUsage: true,
  },
  { kind: 'openai-compatible', defaultBaseUrl: '', authHeader: bearer, asksForStreamUsage: true },
  // Mistral, Groq and xAI end every stream with usage in a chunk that also carries the last choice.
  {
    kind: 'mistral',
    defaultBaseUrl: 'https://api.mistral.ai/v1',
    authHeader: bearer,
    asksForStreamUsage: false,
  },
  {
    kind: 'groq',
    defaultBaseUrl: 'https://api.groq.com/openai/v1',
    authHeader: bearer,
    asksForStreamUsage: false,
  },
  {
    kind: 'deepseek',
    defaultBaseUrl: 'https://api.deepseek.com/v1',
    authHeader: bearer,
    asksForStreamUsage: true,
  },
  { kind: 'xai', defaultBaseUrl: 'https://api.x.ai/v1', authHeader: bearer, asksForStreamUsage: false },
  { kind: 'sim', defaultBaseUrl: '', authHeader: bearer, asksForStreamUsage: true },
];

const byKind = new Map(profiles.map((profile) => [profile.kind, profile]));

/** The profile of a provider kind; undefined for a kind that Loom does not speak. */
export function profileOf(kind: string): ProviderProfile | undefined {
  return byKind.get(kind);
}

export const providerKinds: readonly string[] = profiles.map((profile) => profile.kind);
