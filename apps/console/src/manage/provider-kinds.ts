/** Kinds of provider that Loom speaks with, each with the address to begin with. The service checks what is entered. */
export const providerKinds: Readonly<Record<string, string>> = {
  openai: 'https://api.openai.com/v1',
  'openai-compatible': '',
  mistral: 'https://api.mistral.ai/v1',
  groq: 'https://api.groq.com/openai/v1',
  deepseek: 'https://api.deepseek.com/v1',
  xai: 'https://api.x.ai/v1',
};
