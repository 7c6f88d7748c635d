import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import specification from '@asyncapi/specs';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { asyncApiDocument } from './async-api.ts';

const path = join(import.meta.dirname, '../../../docs/reference/asyncapi.json');
describe('docs/reference/asyncapi.json', () => {
  it('is made of the schemas of the topics (LOOM_UPDATE_REFERENCES=1 brings it up to date)', () => {
    const current = `${JSON.stringify(asyncApiDocument(), null, 2)}\n`;
    if (process.env.LOOM_UPDATE_REFERENCES === '1') writeFileSync(path, current);
    expect(readFileSync(path, 'utf8')).toBe(current);
  });

  it('is AsyncAPI 3', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
    const check = ajv.compile(specification.schemasWithoutId['3.0.0'] as object);
    check(asyncApiDocument());
    expect(check.errors).toBeNull();
    check({ ...asyncApiDocument(), channels: { traces: { address: 1 } } });
    expect(check.errors).not.toBeNull();
  });
});
