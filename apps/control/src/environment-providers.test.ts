import { describe, expect, it } from '@jest/globals';
import { readEnvironmentProviders } from './environment-providers.ts';

const sim = { name: 'sim', kind: 'sim', baseUrl: '', credential: null, models: ['loom-sim'], options: {} };

describe('readEnvironmentProviders', () => {
  it('always has the simulator', () => {
    expect(readEnvironmentProviders({ OPENAI_API_KEY: '', MISTRAL_API_KEY: ' ' })).toEqual([sim]);
  });

  it('takes the default base URL, or the one that is named without its last slash', () => {
    expect(readEnvironmentProviders({ OPENAI_API_KEY: 'sk' })[0]).toMatchObject({
      name: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      credential: 'sk',
    });
    expect(
      readEnvironmentProviders({ OPENAI_API_KEY: 'sk', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1/' })[0],
    ).toMatchObject({
      baseUrl: 'http://127.0.0.1:9/v1',
    });
  });

  it("leaves callers' organization headers to them only where that is said", () => {
    const optionsOf = (env: Record<string, string>) =>
      readEnvironmentProviders({ OPENAI_API_KEY: 'sk', ...env })[0]?.options;
    expect(optionsOf({})).toEqual({});
    expect(optionsOf({ OPENAI_CALLER_ORGANIZATION: 'pass' })).toEqual({ callerOrganization: 'pass' });
    expect(() => optionsOf({ OPENAI_CALLER_ORGANIZATION: 'yes' })).toThrow(
      'OPENAI_CALLER_ORGANIZATION is "yes"; its one value is pass',
    );
  });

  it('has a provider for every kind that is named', () => {
    const env = { MISTRAL_API_KEY: 'a', GROQ_API_KEY: 'b', DEEPSEEK_API_KEY: 'c', XAI_API_KEY: 'd' };
    const names = readEnvironmentProviders(env).map(({ name, kind }) => `${name}:${kind}`);
    expect(names).toEqual(['mistral:mistral', 'groq:groq', 'deepseek:deepseek', 'xai:xai', 'sim:sim']);
  });

  it('needs no key for a compatible server, and gives it every bare name', () => {
    expect(readEnvironmentProviders({ OPENAI_COMPATIBLE_BASE_URL: 'http://localhost:8000/v1' })[0]).toEqual({
      name: 'openai-compatible',
      kind: 'openai-compatible',
      baseUrl: 'http://localhost:8000/v1',
      credential: null,
      models: ['*'],
      options: {},
    });
  });

  it.each([
    [
      { ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' },
      { kind: 'anthropic', baseUrl: 'http://127.0.0.1:9', credential: 'k' },
    ],
    [{ GEMINI_API_KEY: 'k' }, { kind: 'gemini', baseUrl: 'https://generativelanguage.googleapis.com' }],
    [
      { AZURE_OPENAI_API_KEY: 'k', AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com/' },
      { name: 'azure', kind: 'azure-openai', baseUrl: 'https://r.openai.azure.com/openai/v1', options: {} },
    ],
    [
      {
        AZURE_OPENAI_API_KEY: 'k',
        AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com',
        AZURE_OPENAI_API_VERSION: '2024-10-21',
      },
      { baseUrl: 'https://r.openai.azure.com/openai', options: { apiVersion: '2024-10-21' } },
    ],
    [
      { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c', AWS_REGION: 'eu-west-1' },
      {
        ...{ name: 'bedrock', kind: 'aws-bedrock', credential: 'a:b:c', options: { region: 'eu-west-1' } },
        baseUrl: 'https://bedrock-runtime.eu-west-1.amazonaws.com',
      },
    ],
    [{ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }, { kind: 'sim' }],
    [
      { VERTEX_AI_CREDENTIALS: 't', VERTEX_AI_PROJECT: 'p', VERTEX_AI_LOCATION: 'europe-west4' },
      {
        ...{ name: 'vertex', kind: 'vertex-ai' },
        baseUrl: 'https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4',
      },
    ],
    [{ COHERE_API_KEY: 'k' }, { kind: 'cohere', baseUrl: 'https://api.cohere.com' }],
    [{ OLLAMA_BASE_URL: 'http://localhost:11434/v1' }, { kind: 'ollama', credential: null }],
  ])('reads %j', (env, expected) => {
    expect(readEnvironmentProviders(env)[0]).toMatchObject(expected);
  });

  it.each([
    [{ AZURE_OPENAI_API_KEY: 'k' }, 'set AZURE_OPENAI_ENDPOINT too'],
    [{ VERTEX_AI_CREDENTIALS: 'k' }, 'set VERTEX_AI_PROJECT too'],
    [{ OPENAI_COMPATIBLE_API_KEY: 'k' }, 'set OPENAI_COMPATIBLE_BASE_URL too'],
    [{ OPENAI_BASE_URL: 'localhost:80' }, 'OPENAI_BASE_URL: expected a URL'],
    [{ OPENAI_BASE_URL: 'ftp://host/' }, 'OPENAI_BASE_URL: expected a URL'],
    [{ OPENAI_BASE_URL: 'https://a:canary@host/v1' }, 'has no user'],
  ])('refuses %j without printing it', (env, message) => {
    expect(() => readEnvironmentProviders(env)).toThrow(message);
    expect(() => readEnvironmentProviders(env)).not.toThrow(/canary/);
  });
});
