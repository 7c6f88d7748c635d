import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openApiDocument } from './open-api.ts';

const path = join(import.meta.dirname, '../../../docs/reference/openapi.json');

describe('docs/reference/openapi.json', () => {
  it('is made of the route table (LOOM_UPDATE_REFERENCES=1 brings it up to date)', () => {
    const current = `${JSON.stringify(openApiDocument(), null, 2)}\n`;
    if (process.env.LOOM_UPDATE_REFERENCES === '1') writeFileSync(path, current);
    expect(readFileSync(path, 'utf8')).toBe(current);
  });
});
