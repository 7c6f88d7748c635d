import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { environmentTable } from '@loom/config';
import { generatedSection } from '@loom/testkit';
import { ledgerConfigSchema, ledgerSettings } from './config.ts';

describe('README', () => {
  it('has the variables of the configuration (LOOM_UPDATE_REFERENCES=1 brings it up to date)', () => {
    const current = `\n${environmentTable(ledgerConfigSchema)}\n`;
    expect(generatedSection(join(import.meta.dirname, '../README.md'), current)).toBe(current);
  });
});

describe('ledgerSettings', () => {
  it('refuses a seal interval that breaks the promise of receipts', () => {
    const interval = ledgerSettings.pick({ LOOM_LEDGER_SEAL_INTERVAL: true });
    expect(interval.parse({ LOOM_LEDGER_SEAL_INTERVAL: '30s' })).toEqual({
      LOOM_LEDGER_SEAL_INTERVAL: 30_000,
    });
    expect(interval.safeParse({ LOOM_LEDGER_SEAL_INTERVAL: '31s' }).error?.issues[0]?.message).toMatch(
      /at most 30s/,
    );
  });
});
