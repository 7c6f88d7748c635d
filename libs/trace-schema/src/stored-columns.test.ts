import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { generatedSection } from '@loom/testkit';
import {
  type Columns,
  columnOf,
  committedFields,
  type Coverage,
  factTables,
  factTableOf,
  storedTables,
  uncoveredCases,
} from './stored-columns.ts';

const tables = Object.entries(storedTables) as [string, { holds: string; columns: Columns }][];

/** Columns of one kind, those that have one reason together. */
function columnsBy(columns: Columns, reasonOf: (coverage: Coverage) => string | null): string {
  const found = Object.entries(columns).flatMap(([field, coverage]) => {
    const reason = reasonOf(coverage);
    return reason === null ? [] : [{ field, reason }];
  });
  return [...Map.groupBy(found, ({ reason }) => reason)]
    .map(
      ([reason, own]) =>
        `${own.map(({ field }) => `\`${columnOf(field)}\``).join(', ')}${reason === '' ? '' : `: ${reason}`}`,
    )
    .join('; ');
}

function coverageText(): string {
  const lines = [
    '| Table | One row is | Committed | Derived again, and from what | Not covered, and why |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const [table, { holds, columns }] of tables) {
    const committed = columnsBy(columns, (coverage) => (coverage.by === 'commitment' ? '' : null));
    const derived = columnsBy(columns, (coverage) => (coverage.by === 'derivation' ? coverage.from : null));
    const uncovered = columnsBy(columns, (coverage) => (coverage.by === 'nothing' ? coverage.why : null));
    lines.push(`| \`${table}\` | ${holds} | ${committed} | ${derived} | ${uncovered} |`);
  }
  return `${lines.join('\n')}\n\nBesides, nothing is said of:\n\n${uncoveredCases.map((text) => `- ${text}`).join('\n')}\n`;
}

describe('the list of stored columns', () => {
  it('is what docs/auditor.md says', () => {
    const current = coverageText();
    expect(generatedSection(join(import.meta.dirname, '../../../docs/auditor.md'), current)).toBe(current);
  });

  it('commits to facts of tables that an event becomes a row of', () => {
    for (const table of factTables) expect(committedFields(table).length).toBeGreaterThan(5);
    for (const [table, { columns }] of tables) {
      const parts = Object.values(columns).flatMap((coverage) =>
        coverage.by === 'commitment' ? [coverage.part] : [],
      );
      expect(parts.includes('meta')).toBe((factTables as readonly string[]).includes(table));
    }
    expect(factTableOf('call.refused')).toBe('spans');
    expect(factTableOf('capture.gap')).toBeNull();
  });
});
