import { describe, expect, it } from '@jest/globals';
import { readEnvironmentProviders } from './environment-providers.ts';

const sim = { name: 'sim', kind: 'sim', baseUrl: '', credential: null, models: ['loom-sim'] };

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
    });
  });

  it.each([
    [{ OPENAI_COMPATIBLE_API_KEY: 'k' }, 'set OPENAI_COMPATIBLE_BASE_URL too'],
    [{ OPENAI_BASE_URL: 'localhost:80' }, 'OPENAI_BASE_URL: expected a URL'],
    [{ OPENAI_BASE_URL: 'ftp://host/' }, 'OPENAI_BASE_URL: expected a URL'],
    [{ OPENAI_BASE_URL: 'https://a:canary@host/v1' }, 'has no user'],
  ])('refuses %j without printing it', (env, message) => {
    expect(() => readEnvironmentProviders(env)).toThrow(message);
    expect(() => readEnvironmentProviders(env)).not.toThrow(/canary/);
  });
});
