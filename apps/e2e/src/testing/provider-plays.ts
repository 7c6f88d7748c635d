import { setTimeout as delay } from 'node:timers/promises';
import { answerJson, answerPieces, type Play } from '@loom/testkit';

const usage = { prompt_tokens: 40, completion_tokens: 12, total_tokens: 52 };

const hostile = {
  markup: '<script>alert("owned")</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg>',
  links: '![pixel](https://tracker.invalid/p.gif) [click](javascript:alert(4)) https://tracker.invalid/x',
  bidi: 'invoice \u202egpj.exe\u202c \u2066hidden\u2069 zero\u200bwidth nul\u0000 bell\u0007 esc\u001b[31m',
  line: `begin-${'lorem-ipsum-'.repeat(87_382)}end`,
};
const deepJson = `${'{"a":'.repeat(100)}"bottom"${'}'.repeat(100)}`;

/** An answer of the model that was asked for. */
function chat(message: object, finishReason = 'stop'): Play {
  return (request, response) => {
    const { model } = JSON.parse(request.body.toString()) as { model: string };
    const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finishReason }];
    const answer = { id: 'chatcmpl-play', object: 'chat.completion', created: 1, model, choices, usage };
    return answerJson(answer)(request, response);
  };
}

const event = (delta: object, finishReason: string | null = null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-play', object: 'chat.completion.chunk', created: 1, model: 'stream-1', choices: [{ index: 0, delta, finish_reason: finishReason }] })}\n\n`;

const words = ['One ', 'chunk ', 'after ', 'another ', 'arrives.'];
const streamPieces = [
  event({ role: 'assistant', content: '' }),
  ...words.map((content) => event({ content })),
  event({}, 'stop'),
  'data: [DONE]\n\n',
];

/** The provider's answers, by the model that is asked for. */
export const plays: Readonly<Record<string, Play>> = {
  'plain-1': chat({ content: 'A plain answer.' }),
  'tools-1': chat(
    {
      content: null,
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Praha"}' } },
      ],
    },
    'tool_calls',
  ),
  'limited-1': answerJson({ error: { message: 'slow down', type: 'rate_limit_error' } }, 429),
  'broken-1': answerJson({ error: { message: 'the model is overloaded', type: 'server_error' } }, 500),
  'huge-1': chat({ content: 'ten megabytes '.repeat(750_000) }),
  'stream-1': answerPieces(streamPieces, { pauseMs: 60 }),
  'torn-1': answerPieces(streamPieces.slice(0, 3), { end: 'reset' }),
  'slow-1': async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of streamPieces) {
      response.write(piece);
      await delay(500);
    }
    response.end();
  },
  'markup-1': chat({ content: hostile.markup }),
  'links-1': chat({ content: hostile.links }),
  'bidi-1': chat({ content: hostile.bidi }),
  'line-1': chat({ content: hostile.line }),
  'deep-1': chat({
    content: null,
    tool_calls: [{ id: 'call_2', type: 'function', function: { name: 'dig', arguments: deepJson } }],
  }),
  'bytes-1': (_request, response) => {
    const [head, tail] = JSON.stringify({ id: 'x', model: 'bytes-1', choices: [{ index: 0, message: { role: 'assistant', content: 'broken-§-bytes' }, finish_reason: 'stop' }], usage }).split('§'); // prettier-ignore
    const body = Buffer.concat([Buffer.from(head ?? ''), Buffer.from([0xff, 0xfe, 0xc3, 0x28]), Buffer.from(tail ?? '')]); // prettier-ignore
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  },
};
