import { describe, expect, it } from '@jest/globals';
import { recordedCases } from '@loom/testkit';
import fc from 'fast-check';
import type { AnswerContext } from './neutral/halves.ts';
import { findPair, pairNames } from './pairs.ts';
import { dialects } from './dialects.ts';
import { profileOf, providerKinds } from './profiles.ts';
import { wires } from './wires.ts';

const context: AnswerContext = {
  ...{ requestModel: 'asked', id: '0198', created: 1_700_000_000, includeUsage: true },
  bytes: Buffer.from('{"model":"asked","messages":[]}'),
};
const pairs = pairNames.map((name) => {
  const [dialect = '', wire = ''] = name.split('-to-');
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error(`no pair ${name}`);
  return { name, pair, wire, readBack: wires.find((found) => found.name === dialect) };
});
const cases = recordedCases();
const isServerTool = ({ bytes }: { readonly bytes: Buffer }) =>
  /server_tool_use|mcp_tool/.test(bytes.toString());
/** Several answers one behind the other: the first one is the caller's, and the last one what the record tells of. */
const isSeveral = ({ bytes }: { readonly bytes: Buffer }) =>
  bytes.toString().split('data: {"type":"message_start"').length > 2;
const each = pairs.flatMap(({ name, ...found }) =>
  cases
    .filter((recorded) => recorded.wire === found.wire && recorded.status === 200)
    .map((recorded) => ({ title: `${name}: ${recorded.name}`, recorded, ...found })),
);

describe('pairs', () => {
  it('have a reader for what they write', () => {
    expect(pairs.filter(({ readBack }) => !readBack).map(({ name }) => name)).toEqual([]);
    expect(dialects.length).toBeGreaterThan(0);
  });

  it.each(each)('$title keeps words, calls, usage and end', ({ pair, recorded, readBack, wire }) => {
    const provider = wires.find((found) => found.name === wire);
    const said = provider?.readFacts(recorded.bytes, recorded.stream);
    let written: Buffer;
    if (recorded.stream) {
      const stream = pair.translateStream(context);
      written = Buffer.from(recorded.pieces.map((piece) => stream.push(piece)).join('') + stream.end());
      expect(stream.ended || stream.error !== null).toBe(true);
    } else written = pair.writeAnswer(recorded.bytes, context);
    const facts = readBack?.readFacts(written, recorded.stream);
    expect(facts).toMatchObject({ responseModel: said?.responseModel ?? 'asked', ended: true });
    if (said?.usage && !isSeveral(recorded)) {
      expect(facts?.usage).toMatchObject({
        inputTokens: said.usage.inputTokens,
        cacheReadInputTokens: said.usage.cacheReadInputTokens,
        outputTokens: said.usage.outputTokens,
      });
    }
    if (isSeveral(recorded)) return;
    const words = (bytes: Buffer | string) => new Set(String(bytes).match(/[\p{L}\d]{4,}/gu));
    const before = words(provider?.answerText(recorded.bytes, recorded.stream) ?? '');
    const after = words(readBack?.answerText(written, recorded.stream) ?? '');
    expect([...after].filter((word) => !before.has(word))).toEqual([]);
    // Tools that the provider ran itself are not in the caller's dialect; everything else is there.
    if (!isServerTool(recorded)) expect([...before].filter((word) => !after.has(word))).toEqual([]);
  });

  it.each(each.filter(({ recorded }) => recorded.stream))(
    '$title is the same however its bytes are split',
    ({ pair, recorded }) => {
      const whole = pair.translateStream(context);
      const expected = whole.push(recorded.bytes) + whole.end();
      fc.assert(
        fc.property(fc.array(fc.nat(recorded.bytes.length), { maxLength: 12 }), (cuts) => {
          const stream = pair.translateStream(context);
          const edges = [0, ...cuts.sort((a, b) => a - b), recorded.bytes.length];
          const parts = edges
            .slice(1)
            .map((end, index) => stream.push(recorded.bytes.subarray(edges[index], end)));
          expect(parts.join('') + stream.end()).toBe(expected);
        }),
        { numRuns: 20 },
      );
    },
  );
});

describe('the matrix of dialects and provider kinds', () => {
  const matrix = providerKinds.flatMap((kind) =>
    dialects.flatMap(({ name }) => {
      const entry = profileOf(kind)?.endpoints[name];
      const models = typeof entry === 'function' ? ['claude-x', 'gemini-x'] : ['m'];
      return models.map((model) => ({
        kind,
        name,
        entry: typeof entry === 'function' ? entry(model) : entry,
      }));
    }),
  );

  it.each(matrix)('$kind answers $name natively, by a pair, or says why not', ({ name, entry }) => {
    if (typeof entry === 'string') expect(entry.length).toBeGreaterThan(20);
    else {
      expect(wires.map((wire) => wire.name)).toContain(entry?.wire);
      if (entry?.wire !== name) expect(pairNames).toContain(`${name}-to-${entry?.wire}`);
    }
  });
});
