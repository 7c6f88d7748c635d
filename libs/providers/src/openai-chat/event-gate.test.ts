import { describe, expect, it } from '@jest/globals';
import { recordedChatCases } from '@loom/testkit';
import fc from 'fast-check';
import { ChatFacts } from './chat-answer.ts';
import { EventGate } from './event-gate.ts';

function filtered(pieces: readonly Buffer[]): string {
  const filter = new EventGate(new ChatFacts(), { takesUsageOut: true });
  return Buffer.concat([...pieces.map((piece) => filter.push(piece)), filter.end()]).toString();
}

const text = (content: string) =>
  `data: {"choices":[{"delta":{"content":${JSON.stringify(content)}}}],"usage":null}\n\n`;
const usage = 'data: {"id":"x","choices":[],"usage":{"prompt_tokens":3}}\n\n';
const done = 'data: [DONE]\n\n';
const parts = [
  ': ping\n\n',
  text('你好 🙂'),
  text('"usage" {"usage":{}}'),
  'data: {"choices":[],"prompt":1}\n\n',
];

describe('EventGate', () => {
  it('takes the usage chunk out and nothing else, however the bytes are split', () => {
    const whole = Buffer.from([...parts, usage, done].join(''));
    for (let at = 0; at <= whole.length; at += 1) {
      expect(filtered([whole.subarray(0, at), whole.subarray(at)])).toBe([...parts, done].join(''));
    }
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 30 }), (cuts) => {
        const offsets = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const pieces = offsets.slice(1).map((end, index) => whole.subarray(offsets[index], end));
        expect(filtered(pieces)).toBe([...parts, done].join(''));
      }),
    );
  });

  it.each([
    ['CR LF', (stream: string) => stream.replaceAll('\n', '\r\n')],
    ['CR', (stream: string) => stream.replaceAll('\n', '\r')],
  ])('understands streams whose lines end in %s', (_name, convert) => {
    const whole = Buffer.from(convert([...parts, usage, done].join('')));
    expect(filtered([whole])).toBe(convert([...parts, done].join('')));
  });

  it('hands out each whole event at once', () => {
    const filter = new EventGate(new ChatFacts(), { takesUsageOut: true });
    for (const part of parts) expect(filter.push(Buffer.from(part)).toString()).toBe(part);
  });

  it('lets usage that comes with a choice pass, and every byte of streams without a usage chunk', () => {
    for (const { name, stream, bytes, pieces } of recordedChatCases()) {
      if (!stream || !/^(deepseek|groq|mistral)/.test(name)) continue;
      expect(filtered(pieces)).toBe(bytes.toString());
    }
  });

  it('passes an endless event on instead of holding it', () => {
    const filter = new EventGate(new ChatFacts(), { takesUsageOut: true });
    let passed = 0;
    for (let index = 0; index < 40; index += 1) passed += filter.push(Buffer.alloc(65_536, 'x')).length;
    expect(passed).toBeGreaterThan(1024 * 1024);
  });

  it('leaves the usage chunk alone when the caller asked for it, and drops nothing but a broken last event', () => {
    const gate = new EventGate(new ChatFacts(), { takesUsageOut: false });
    expect(gate.push(Buffer.from(usage + done)).toString()).toBe(usage + done);
    expect(gate.push(Buffer.from('data: {"id":"ch')).toString()).toBe('');
    expect(gate.end().toString()).toBe('data: {"id":"ch');
  });
});
