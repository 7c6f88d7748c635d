import { describe, expect, it } from '@jest/globals';
import { committedFields } from '@loom/trace-schema/stored-columns';
import { utf8 } from './bytes.ts';
import { nodeCrypto } from './node-crypto.ts';
import { differingFacts, factsOf, markFacts, readFacts, writeFacts } from './row-facts.ts';

const salt = nodeCrypto.sha256(utf8('salt'));
const row = {
  ...{ callId: 'c', provider: 'openai', metadata: { b: '2', a: '1' }, timeToFirstChunkNanos: null },
  ...{ status: 200, stream: false, attempts: [{ spanId: 's', status: null }], chunkLengths: [1, 2] },
  ...{ inputPreview: 'derived', nonsense: 'unknown' },
};
const facts = (changes: object = {}) => factsOf(nodeCrypto, 'spans', { ...row, ...changes });

describe('the facts of a row', () => {
  it('have one text, whatever the order of their members, without what is empty or derived', () => {
    expect(writeFacts('spans', facts())).toBe(
      `{"attempts":[{"spanId":"s","status":null}],"callId":"c","chunkLengths":"${Buffer.from(nodeCrypto.sha256(utf8('[1,2]'))).toString('hex')}",` +
        '"metadata":{"a":"1","b":"2"},"provider":"openai","status":200,"table":"spans","timeToFirstChunkNanos":null,"v":2}',
    );
    expect(facts({ metadata: { a: '1', b: '2' }, userId: '', links: [], chunkAtMicros: [] })).toEqual(
      facts(),
    );
  });

  it('are the same before they are stored and after: half characters, zeros behind a decimal', () => {
    expect(facts({ userId: 'x\ud800' })).toEqual(facts({ userId: 'x\ufffd' }));
    const cost = (totalUsd: string) => factsOf(nodeCrypto, 'costs', { totalUsd })['totalUsd'];
    expect(['0.10', '0', '0.000', '12', '0.1234567890123456789'].map(cost)).toEqual([
      ...['0.1', '0', '0', '12', '0.123456789012345678'],
    ]);
  });

  it('tell a number that is not known from zero', () => {
    expect(writeFacts('spans', facts({ timeToFirstChunkNanos: 0 }))).not.toBe(writeFacts('spans', facts()));
  });

  it('are read back from their text, and texts of version 1 are none', () => {
    expect(readFacts(writeFacts('spans', facts()))).toEqual({ table: 'spans', facts: facts() });
    expect(readFacts('{"userId":"ann"}')).toBeNull();
  });
});

describe('the marks of facts', () => {
  it.each(committedFields('spans').map(([field]) => field))('name a changed %s', (field) => {
    const marks = markFacts(nodeCrypto, salt, 'spans', facts());
    const changed = facts({ [field]: 'something else' });
    expect(differingFacts(nodeCrypto, salt, 'spans', changed, marks)).toEqual([field]);
    expect(differingFacts(nodeCrypto, salt, 'spans', facts(), marks)).toEqual([]);
  });

  it('say nothing without the salt, and nothing of columns that are newer than they', () => {
    const marks = markFacts(nodeCrypto, salt, 'spans', facts());
    const other = nodeCrypto.sha256(utf8('another'));
    expect(markFacts(nodeCrypto, other, 'spans', facts())).not.toBe(marks);
    const older = Buffer.from(marks, 'base64').subarray(0, -2).toString('base64');
    const [newest = ''] = committedFields('spans').at(-1) ?? [];
    const changed = facts({ [newest]: ['x'], provider: 'x' });
    expect(differingFacts(nodeCrypto, salt, 'spans', changed, older)).toEqual(['provider']);
  });
});
