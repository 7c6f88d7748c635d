import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  envBoolean,
  envBytes,
  envDurationMs,
  envNetworks,
  envPortRanges,
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
      /LOOM_PORT: expected 0 to 65535, not 70000; LOOM_WAIT_MS: expected a duration, .*, not "soon"/,
    );
  });

  it.each([
    [{ LOOM_PORT: 'http' }, 'LOOM_PORT: expected a whole number, not "http"'],
    [{ LOOM_PORT: '-1' }, 'LOOM_PORT: expected a whole number, not "-1"'],
    [{ LOOM_BODY_BYTES_MAX: '32 mb' }, 'not "32 mb"'],
    [{ LOOM_STRICT: 'maybe' }, 'LOOM_STRICT: expected true or false, not "maybe"'],
    [{ LOOM_STREAM_URL: 'kafka' }, 'LOOM_STREAM_URL: expected a URL'],
  ])('says of %j what is there and what is expected', (env, message) => {
    expect(() => loadConfig(schema, env)).toThrow(message);
  });

  it.each([{}, { LOOM_STORE_URL: '' }])('says of a variable that is not set what it is for: %j', (env) => {
    const store = z.object({ LOOM_STORE_URL: envUrl.describe('The store') });
    expect(() => loadConfig(store, env)).toThrow('configuration: LOOM_STORE_URL is not set: The store');
  });

  it('reads ports and ranges of ports, and names the entry that is neither', () => {
    const ports = z.object({ LOOM_PORTS: envPortRanges });
    expect(loadConfig(ports, { LOOM_PORTS: '443, 8000-8999' }).LOOM_PORTS).toEqual([
      { from: 443, to: 443 },
      { from: 8000, to: 8999 },
    ]);
    for (const entry of ['0', '65536', '9-8', 'https', '1-', '-1', '1-2-3'])
      expect(() => loadConfig(ports, { LOOM_PORTS: entry })).toThrow(`LOOM_PORTS: ${entry} is no port`);
  });

  it('reads addresses and networks, and names the entry that is neither', () => {
    const networks = z.object({ LOOM_NETWORKS: envNetworks });
    const { LOOM_NETWORKS: list } = loadConfig(networks, {
      LOOM_NETWORKS: '10.1.0.0/16, 2001:db8::/32,192.0.2.1',
    });
    const given = ['10.1.255.1', '192.0.2.1', '10.2.0.1', '192.0.2.2'];
    expect(given.map((address) => list.check(address))).toEqual([true, true, false, false]);
    expect(list.check('2001:db8:1::1', 'ipv6')).toBe(true);
    for (const entry of [
      '10.1.0.0/33',
      '10.1',
      'proxy',
      '10.1.0.0/16/8',
      '2001:db8::/129',
      '10.0.0.0/',
      '10.0.0.0/-1',
    ])
      expect(() => loadConfig(networks, { LOOM_NETWORKS: entry })).toThrow(
        `LOOM_NETWORKS: ${entry} is no address and no network`,
      );
    expect(loadConfig(networks, {}).LOOM_NETWORKS.rules).toEqual([]);
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
