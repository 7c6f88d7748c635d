import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readModelRequest, requestForProvider } from './model-request.ts';
import { chatShape } from './request-shapes.ts';

const body = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const readChat = (bytes: Buffer) => readModelRequest(bytes, chatShape);
const messages = [{ role: 'user', content: 'hi' }];
const fault = (value: unknown) => {
  try {
    readChat(body(value));
  } catch (error) {
    return error as { code: string; param?: string; message: string };
  }
  return null;
};

describe('readModelRequest', () => {
  it.each([
    ['', undefined, /empty/],
    ['{"model":', undefined, /could not parse/],
    ['[1]', undefined, /must be a JSON object/],
    ['"text"', undefined, /must be a JSON object/],
    [{ messages }, 'model', /must provide a model/],
    [{ model: 7, messages }, 'model', /non-empty string/],
    [{ model: 'm', stream: 'yes', messages }, 'stream', /boolean/],
    [{ model: 'm', stream_options: [], messages }, 'stream_options', /object/],
    [{ model: 'm' }, 'messages', /array/],
    [`{"model":"a","model":"b","messages":[]}`, 'model', /twice/],
    [`{"model":"a","mod\\u0065l":"b","messages":[]}`, 'model', /twice/],
    [
      `{"model":"a","messages":[],"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
      undefined,
      /nested deeper/,
    ],
    ['['.repeat(10_000), undefined, /must be a JSON object/],
    [`{"a":${'{"a":'.repeat(10_000)}`, undefined, /nested deeper/],
  ])('refuses %.60j and names the cause', (value, param, message) => {
    expect(fault(value)).toMatchObject({ code: 'invalid_request', param });
    expect(fault(value)?.message).toMatch(message);
  });

  it('reads the facts and no content', () => {
    const request = readChat(
      body({
        model: 'm',
        messages,
        stream: true,
        temperature: 0.5,
        tools: [{}, {}],
        response_format: { type: 'json_schema' },
      }),
    );
    expect(request.parameters).toEqual({
      temperature: 0.5,
      message_count: 1,
      tool_count: 2,
      response_format: 'json_schema',
    });
    expect(request).toMatchObject({ model: 'm', stream: true, includeUsage: false });
  });
});

describe('requestForProvider', () => {
  it('returns the very same bytes when nothing must change', () => {
    const bytes = body('{ "model" : "m",\n "messages":[ ], "unknown": 12345678901234567890.10 }');
    expect(requestForProvider(readChat(bytes), { model: 'm', askForUsage: false })).toBe(bytes);
  });

  it('replaces the model and asks for usage without touching another byte', () => {
    const bytes = body(
      '{"x":{"model":"inner"}, "model" : "a" ,"messages":[{"content":"\\"model\\":\\"q\\""}],"n":1e400}',
    );
    const sent = requestForProvider(readChat(bytes), { model: 'b"', askForUsage: true });
    expect(sent.toString()).toBe(
      '{"stream_options":{"include_usage":true},"x":{"model":"inner"}, "model" : "b\\"" ,"messages":[{"content":"\\"model\\":\\"q\\""}],"n":1e400}',
    );
  });

  it('keeps the other stream options', () => {
    const bytes = body({
      model: 'a',
      messages,
      stream_options: { include_obfuscation: false, include_usage: false },
    });
    const sent = requestForProvider(readChat(bytes), { model: 'a', askForUsage: true });
    expect(JSON.parse(sent.toString())).toMatchObject({
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  it('changes the model and nothing else of any JSON object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string({ minLength: 1, maxLength: 50 }),
        (rest, model) => {
          const value = { ...rest, model: 'before', messages: [], stream: true, stream_options: null };
          const sent = requestForProvider(readChat(body(value)), { model, askForUsage: false });
          expect(JSON.parse(sent.toString())).toEqual(JSON.parse(JSON.stringify({ ...value, model })));
        },
      ),
    );
  });
});
