import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { environmentTable } from '@loom/config';
import { generatedSection } from '@loom/testkit';
import { ledgerConfigSchema } from './config.ts';

describe('README', () => {
  it('has the variables of the configuration (LOOM_UPDATE_REFERENCES=1 brings it up to date)', () => {
    const current = `\n${environmentTable(ledgerConfigSchema)}\n`;
    expect(generatedSection(join(import.meta.dirname, '../README.md'), current)).toBe(current);
  });
});
