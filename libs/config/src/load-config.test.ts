import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  envBoolean,
  envBytes,
  envDurationMs,
  envPort,
  envSecret,
  envUrl,
  loadConfig,
  redactUrl,
} from './load-config.ts';

const schema = z.object({
  LOOM_PORT: envPort.default(4000),
  LOOM_BODY_BYTES_MAX: envBytes.default(1024),
  LOOM_WAIT_MS: envDurationMs.default(5),
  LOOM_STRICT: envBoolean.default(true),
  LOOM_STREAM_URL: envUrl.optional(),
  LOOM_TOKEN: envSecret.optional(),
});

describe('loadConfig', () => {
  it('reads units, falls back to defaults and freezes the result', () => {
    const config = loadConfig(schema, {
      LOOM_BODY_BYTES_MAX: '32MiB',
      LOOM_WAIT_MS: '30s',
      LOOM_STRICT: 'no',
    });
    expect(config).toMatchObject({
      LOOM_PORT: 4000,
      LOOM_BODY_BYTES_MAX: 33_554_432,
      LOOM_WAIT_MS: 30_000,
      LOOM_STRICT: false,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names every variable at fault at once', () => {
    expect(() => loadConfig(schema, { LOOM_PORT: '70000', LOOM_WAIT_MS: 'soon' })).toThrow(
      /LOOM_PORT: expected 0 to 65535.*LOOM_WAIT_MS: expected a duration/,
    );
  });

  it('refuses an unknown LOOM_ variable with the nearest known name', () => {
    expect(() => loadConfig(schema, { LOOM_PROT: '1' }, ['LOOM_HOME'])).toThrow(
      /LOOM_PROT.*did you mean LOOM_PORT/,
    );
  });

  it('never prints a secret or a password', () => {
    const { LOOM_TOKEN: token } = loadConfig(schema, { LOOM_TOKEN: 'sk-canary' });
    expect(`${String(token)} ${JSON.stringify({ token })} ${inspect(token)}`).not.toContain('canary');
    expect(token?.reveal()).toBe('sk-canary');
    expect(redactUrl('postgres://loom:canary@host/db')).toBe('postgres://loom:redacted@host/db');
  });
});
