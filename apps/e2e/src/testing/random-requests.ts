import type { Random } from '@loom/testkit';

/** One request of a caller that sends valid JSON and nothing that anyone expects. */
export interface RandomRequest {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Shape {
  /** What the API needs, as members of a JSON object. */
  readonly prompt: string;
  /** Members that Loom reads. */
  readonly members: readonly [string, ...string[]];
}

const sampling = [
  'temperature',
  'top_p',
  'max_tokens',
  'n',
  'seed',
  'presence_penalty',
  'frequency_penalty',
] as const;

const gemini: Shape = {
  prompt: '"contents":[{"parts":[{"text":"hi"}]}]',
  members: [
    'generationConfig',
    'generation_config',
    'tools',
    'toolConfig',
    'systemInstruction',
    'safetySettings',
    'labels',
    'cachedContent',
    'serviceTier',
  ],
};

const shapes: Readonly<Record<string, Shape>> = {
  '/v1/chat/completions': {
    prompt: '"messages":[{"role":"user","content":"hi"}]',
    members: [
      ...sampling,
      ...[
        'max_completion_tokens',
        'service_tier',
        'reasoning_effort',
        'logprobs',
        'top_logprobs',
        'store',
        'user',
      ],
      ...[
        'tools',
        'tool_choice',
        'response_format',
        'stream_options',
        'safety_identifier',
        'metadata',
        'thinking',
      ],
    ],
  },
  '/v1/responses': {
    prompt: '"input":"hi"',
    members: [
      ...([
        'temperature',
        'top_p',
        'max_output_tokens',
        'max_tool_calls',
        'top_logprobs',
        'service_tier',
      ] as const),
      ...['store', 'truncation', 'text', 'reasoning', 'tools', 'user', 'instructions', 'metadata'],
    ],
  },
  '/v1/messages': {
    prompt: '"messages":[{"role":"user","content":"hi"}],"max_tokens":9',
    members: [
      'temperature',
      'top_p',
      'top_k',
      'service_tier',
      'thinking',
      'metadata',
      'system',
      'tools',
      'stop_sequences',
    ],
  },
  '/v1/embeddings': { prompt: '"input":"hi"', members: ['dimensions', 'encoding_format', 'user'] },
  '/v1/completions': {
    prompt: '"prompt":"hi"',
    members: [...sampling, 'best_of', 'echo', 'logprobs', 'suffix', 'user'],
  },
  '/v1beta/models/loom-sim:generateContent': gemini,
  '/v1beta/models/loom-sim:streamGenerateContent': gemini,
  '/v1beta/models/loom-sim:streamGenerateContent?alt=sse': gemini,
};

const numbers = [
  ...([
    '0',
    '-0',
    '1',
    '-1',
    '0.5',
    '1e400',
    '-1e400',
    '1E-400',
    '1e308',
    '2e308',
    '5e-324',
    '1e21',
  ] as const),
  ...[
    '9007199254740993',
    '12345678901234567890',
    '0.1000000000000000055511',
    '123456789012345678901234567890e10',
  ],
  ...['9'.repeat(40), `0.${'3'.repeat(60)}`, '1'.repeat(400)],
] as const;

const texts = [
  ...([
    '""',
    '"a"',
    '"flex"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udfff\\ud83d"',
    '"\\u202e\\u2066"',
    '"\\"\\\\"',
  ] as const),
  ...[
    '"žluťoučký 😀"',
    '"__proto__"',
    `"${'x'.repeat(5000)}"`,
    '"\\n\\t\\r\\u001b[31m"',
    '"\'; DROP TABLE spans --"',
  ],
] as const;

const names = [
  'a',
  '',
  '__proto__',
  'constructor',
  'toString',
  'type',
  'effort',
  'format',
  'budget_tokens',
  'user_id',
  '\\u0000',
] as const;

function jsonText(random: Random, depth = 0): string {
  switch (random.below(depth > 3 ? 4 : 6)) {
    case 0:
    case 1:
      return random.pick(numbers);
    case 2:
      return random.pick(texts);
    case 3:
      return random.pick(['null', 'true', 'false']);
    case 4:
      return `[${list(random, () => jsonText(random, depth + 1)).join(random.pick([',', ' ,\n']))}]`;
    default:
      return `{${list(random, () => `"${random.pick(names)}":${jsonText(random, depth + 1)}`).join(',')}}`;
  }
}

function list<Item>(random: Random, make: () => Item): Item[] {
  return Array.from({ length: random.below(4) }, make);
}

/** A header's value as bytes in Latin-1, none of which HTTP forbids. */
function headerText(random: Random): string {
  const written = Buffer.from(
    random.pick([...texts, jsonText(random), 'plain', 'a=b; c', '\u00e9\u0080']),
  ).toString('latin1');
  return written
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
    .slice(0, 3000)
    .trim();
}

export function randomRequest(random: Random): RandomRequest {
  const paths = Object.keys(shapes) as [string, ...string[]];
  const path = random.pick(paths);
  const { prompt, members } = shapes[path] as Shape;
  const wanted = Array.from({ length: 1 + random.below(4) }, () => random.pick([...members, 'surprise']));
  const further = [...new Set(wanted)].map((name) => `"${name}":${jsonText(random)}`);
  const isInPath = path.startsWith('/v1beta/');
  const stream = random.below(4) === 0 && !isInPath ? ['"stream":true'] : [];
  const body = `{${random.shuffle(['"model":"loom-sim"', prompt, ...stream, ...further]).join(',')}}`;
  const labels = [
    'x-loom-metadata',
    'x-loom-session-id',
    'x-loom-user-id',
    'traceparent',
    'x-loom-unsupported',
  ] as const;
  const chosen = Array.from({ length: random.below(3) }, () => random.pick(labels));
  const headers = Object.fromEntries(chosen.map((name) => [name, headerText(random)]));
  if (random.below(2) === 0)
    headers['x-loom-metadata'] = `{"k":${jsonText(random)}}`.replace(/[^\x20-\x7e]/g, '').slice(0, 3000);
  return { path, body, headers };
}
