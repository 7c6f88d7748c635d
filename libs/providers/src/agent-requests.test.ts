import { describe, expect, it } from '@jest/globals';
import type { AnswerContext } from './neutral/halves.ts';
import { findPair, pairNames } from './pairs.ts';
import { assembleAnswer } from './recorded-answer.ts';

const pairOf = (dialect: string, wire: string) => {
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error('no pair');
  return pair;
};
const translate = (dialect: string, wire: string, body: object, policy: 'refuse' | 'drop' = 'refuse') => {
  const written = pairOf(dialect, wire).writeRequest(Buffer.from(JSON.stringify(body)), 'served', policy);
  return { sent: JSON.parse(written.body.toString()) as Record<string, unknown>, dropped: written.dropped };
};
const targetsOf = (dialect: string) =>
  pairNames.flatMap((name) => {
    const [client = '', wire = ''] = name.split('-to-');
    return client === dialect ? [wire] : [];
  });
const contextOf = (body: object): AnswerContext => ({
  ...{ requestModel: 'asked', id: '0198', created: 1_700_000_000, includeUsage: true },
  bytes: Buffer.from(JSON.stringify(body)),
});
const sse = (...events: object[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
const eventsOf = (written: string) =>
  [...written.matchAll(/^data: (\{.+)$/gm)].map(
    ([, data = '']) => JSON.parse(data) as Record<string, unknown>,
  );

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

/** What Claude Code 2.1 sends with its first call. */
const claudeCode = {
  ...{ model: 'asked', max_tokens: 32_000, stream: true, thinking: { type: 'adaptive' } },
  messages: [
    {
      role: 'user',
      content: [{ type: 'text', text: 'write a file', cache_control: { type: 'ephemeral' } }],
    },
    { role: 'system', content: 'Agents: claude' },
  ],
  system: [{ type: 'text', text: 'You are an agent.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
  tools: [
    { name: 'Read', description: 'Reads', input_schema: parameters, cache_control: { type: 'ephemeral' } },
  ],
  metadata: { user_id: '{"device_id":"d"}' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  output_config: { effort: 'high' },
};

describe('the first call of Claude Code', () => {
  it.each(targetsOf('anthropic-messages'))('is translated to %s, whatever the policy', (wire) => {
    for (const policy of ['refuse', 'drop'] as const) {
      const { sent, dropped } = translate('anthropic-messages', wire, claudeCode, policy);
      expect(JSON.stringify(sent)).toContain('Agents: claude');
      expect(dropped).toContain('context_management');
    }
  });

  it('lists what only hints and was left out', () => {
    expect(translate('anthropic-messages', 'gemini-generate-content', claudeCode).dropped).toEqual([
      ...['context_management', 'system[0].cache_control', 'metadata.user_id'],
    ]);
  });

  it('has its system message where it stood, or in the turn of the user', () => {
    expect(translate('anthropic-messages', 'openai-chat', claudeCode).sent['messages']).toEqual([
      { role: 'system', content: 'You are an agent.' },
      { role: 'user', content: [{ type: 'text', text: 'write a file' }] },
      { role: 'system', content: 'Agents: claude' },
    ]);
    expect(translate('anthropic-messages', 'gemini-generate-content', claudeCode).sent['contents']).toEqual([
      {
        role: 'user',
        parts: [{ text: 'write a file' }, { text: '<system>\nAgents: claude\n</system>' }],
      },
    ]);
  });
});

const patch = '*** Begin Patch\n+"é"\t\\ 🎎\n*** End Patch';
/** What Codex 0.171 sends, with a history of both kinds of calls. */
const codex = {
  ...{ model: 'asked', stream: true, tool_choice: 'auto', parallel_tool_calls: false, store: true },
  ...{ prompt_cache_key: 'k', client_metadata: { session_id: 's' }, truncation: 'auto' },
  ...{ include: ['reasoning.encrypted_content'], text: { verbosity: 'low' }, reasoning: { summary: 'auto' } },
  input: [
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'You are an agent.' }] },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'write a file' }] },
    { type: 'custom_tool_call', call_id: 'call_1', name: 'apply_patch', input: patch, status: 'completed' },
    { type: 'custom_tool_call_output', call_id: 'call_1', output: 'Done' },
    { type: 'function_call', call_id: 'call_2', name: 'wait', namespace: 'agents', arguments: '{}' },
    { type: 'function_call_output', call_id: 'call_2', output: 'gone' },
    { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } },
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be brief.' }] },
  ],
  tools: [
    { type: 'function', name: 'exec', description: 'Runs', strict: false, parameters },
    {
      ...{ type: 'custom', name: 'apply_patch', description: 'Patches files.' },
      format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
    },
    {
      ...{ type: 'namespace', name: 'agents', description: 'Agents' },
      tools: [{ type: 'function', name: 'wait', description: 'Waits', parameters, strict: false }],
    },
  ],
};

describe('the calls of Codex', () => {
  it.each(targetsOf('openai-responses'))('are translated to %s, whatever the policy', (wire) => {
    for (const policy of ['refuse', 'drop'] as const) {
      const { sent, dropped } = translate('openai-responses', wire, codex, policy);
      expect(JSON.stringify(sent)).toContain('agents__wait');
      expect(dropped).toEqual(
        expect.arrayContaining([
          ...['client_metadata', 'prompt_cache_key', 'store', 'truncation', 'text.verbosity', 'input[6]'],
        ]),
      );
    }
  });

  it('tell of free text tools as functions with one text, and of namespaces in the names', () => {
    const { sent } = translate('openai-responses', 'openai-chat', codex);
    const tools = sent['tools'] as { function: { name: string; description: string; parameters: object } }[];
    expect(tools.map((tool) => tool.function.name)).toEqual(['exec', 'apply_patch', 'agents__wait']);
    expect(tools[1]?.function.description).toContain('start: "x"');
    expect(tools[1]?.function.parameters).toMatchObject({
      properties: { input: { type: 'string' } },
      required: ['input'],
    });
    const messages = sent['messages'] as { role: string; tool_calls?: { function: object }[] }[];
    expect(messages.flatMap((message) => message.tool_calls ?? []).map((call) => call.function)).toEqual([
      { name: 'apply_patch', arguments: JSON.stringify({ input: patch }) },
      { name: 'agents__wait', arguments: '{}' },
    ]);
    expect(messages.at(-1)).toEqual({ role: 'system', content: 'Be brief.' });
  });

  it('may choose among some tools, also in a namespace, and force one of them', () => {
    const choose = (tool_choice: object) =>
      translate('openai-responses', 'gemini-generate-content', { ...codex, tool_choice }).sent;
    expect(
      JSON.stringify(choose({ type: 'allowed_tools', mode: 'required', tools: [{ type: 'custom', name: 'apply_patch' }] })), // prettier-ignore
    ).not.toContain('"exec"');
    expect(choose({ type: 'function', name: 'wait', namespace: 'agents' })['toolConfig']).toEqual({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['agents__wait'] },
    });
    expect(choose({ type: 'custom', name: 'apply_patch' })['toolConfig']).toEqual({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['apply_patch'] },
    });
  });
});

/** What newer models of Codex are sent: tools in the conversation, and a search for more of them. */
const codexLater = {
  ...{ model: 'asked', parallel_tool_calls: false, reasoning: { effort: 'low', context: 'all_turns' } },
  input: [
    {
      ...{ type: 'additional_tools', id: 'at_1', role: 'developer' },
      tools: [
        {
          ...{ type: 'namespace', name: 'functions', description: '' },
          tools: [{ type: 'custom', name: 'exec', description: 'Runs' }],
        },
        { type: 'tool_search', execution: 'client', description: 'Finds tools', parameters },
      ],
    },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'wait for it' }] },
    { type: 'tool_search_call', call_id: 'call_1', execution: 'client', arguments: { query: 'wait' } },
    { type: 'tool_search_output', call_id: 'call_1', execution: 'client', tools: [codex.tools[2]] },
  ],
};

describe('tools that Codex tells of on the way', () => {
  it.each(targetsOf('openai-responses'))('are tools of %s', (wire) => {
    const { sent } = translate('openai-responses', wire, codexLater);
    const text = JSON.stringify(sent['tools'] ?? sent['toolConfig']);
    for (const name of ['functions__exec', 'tool_search', 'agents__wait'])
      expect(text).toContain(`"${name}"`);
    expect(JSON.stringify(sent)).toContain('These tools can be called now: agents__wait');
  });

  it('come back as themselves, whole and as a stream', () => {
    const pair = pairOf('openai-responses', 'anthropic-messages');
    const answer = answerWith('anthropic-messages', [
      { id: 'a', name: 'functions__exec', input: { input: 'ls' } },
      { id: 'b', name: 'tool_search', input: { query: 'q' } },
      { id: 'c', name: 'agents__wait', input: {} },
    ]);
    const output = [
      { type: 'custom_tool_call', name: 'exec', namespace: 'functions', input: 'ls', call_id: 'a' },
      { type: 'tool_search_call', execution: 'client', arguments: { query: 'q' }, call_id: 'b' },
      { type: 'function_call', name: 'wait', namespace: 'agents', arguments: '{}', call_id: 'c' },
    ];
    const bytes = Buffer.from(JSON.stringify(answer));
    expect(JSON.parse(pair.writeAnswer(bytes, contextOf(codexLater)).toString())).toMatchObject({ output });
    const events = eventsOf(pair.writeAnswerAsStream(bytes, contextOf(codexLater)));
    expect(events.at(-1)).toMatchObject({ response: { output } });
  });
});

describe('tools that only the provider of the own API runs', () => {
  it.each<[dialect: string, body: object]>([
    ['openai-responses', { input: 'hi', tools: [{ type: 'web_search' }, codex.tools[0]] }],
    ['openai-responses', { input: 'hi', tools: [{ type: 'image_generation' }, codex.tools[0]] }],
    ['openai-chat', { messages: [{ role: 'user', content: 'hi' }], tools: [{ type: 'web_search' }] }],
    ['anthropic-messages', { ...claudeCode, tools: [{ type: 'bash_20250124', name: 'bash' }] }],
  ])('are refused by name, and left out where the policy says so: %s', (dialect, body) => {
    expect(() => translate(dialect, 'gemini-generate-content', body)).toThrow(
      expect.objectContaining({ code: 'unsupported', param: 'tools[0]' }),
    );
    expect(translate(dialect, 'gemini-generate-content', body, 'drop').dropped).toContain('tools[0]');
  });
});

describe('calls of an answer', () => {
  /** A chat stream of both calls, the text of one in small pieces. */
  const pieces = JSON.stringify({ input: patch }).match(/[^]{1,3}/g) ?? [];
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    ...{ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason }] },
  });
  const called = (index: number, more: object) => chunk({ tool_calls: [{ index, ...more }] });
  const stream = `${sse(
    called(0, { id: 'call_a', type: 'function', function: { name: 'apply_patch', arguments: '' } }),
    ...pieces.map((piece) => called(0, { function: { arguments: piece } })),
    called(1, { id: 'call_b', type: 'function', function: { name: 'agents__wait', arguments: '{}' } }),
    chunk({}, 'tool_calls'),
  )}data: [DONE]\n\n`;

  it('come back as themselves to a caller of the Responses API, in a stream', () => {
    const translation = pairOf('openai-responses', 'openai-chat').translateStream(contextOf(codex));
    const events = eventsOf(translation.push(Buffer.from(stream)) + translation.end());
    const deltas = events.filter(({ type }) => type === 'response.custom_tool_call_input.delta');
    expect(deltas.length).toBeGreaterThan(5);
    expect(deltas.map(({ delta }) => delta).join('')).toBe(patch);
    expect(events.find(({ type }) => type === 'response.custom_tool_call_input.done')).toMatchObject({
      input: patch,
    });
    expect((events.at(-1)?.['response'] as { output: object[] }).output).toEqual([
      expect.objectContaining({
        type: 'custom_tool_call',
        call_id: 'call_a',
        name: 'apply_patch',
        input: patch,
      }),
      expect.objectContaining({
        type: 'function_call',
        call_id: 'call_b',
        name: 'wait',
        namespace: 'agents',
      }),
    ]);
  });

  it.each(targetsOf('openai-responses'))('come back as themselves from %s, whole', (wire) => {
    const answer = answerWith(wire, [
      { id: 'call_a', name: 'apply_patch', input: { input: patch } },
      { id: 'call_b', name: 'agents__wait', input: { city: 'Köln' } },
    ]);
    const written = pairOf('openai-responses', wire).writeAnswer(
      Buffer.from(JSON.stringify(answer)),
      contextOf(codex),
    );
    expect((JSON.parse(written.toString()) as { output: object[] }).output).toEqual([
      expect.objectContaining({ type: 'custom_tool_call', name: 'apply_patch', input: patch }),
      expect.objectContaining({ type: 'function_call', name: 'wait', namespace: 'agents' }),
    ]);
  });

  it('are custom calls for a caller of the chat API, whole and as a stream', () => {
    const body = { messages: [], tools: [{ type: 'custom', custom: { name: 'apply_patch' } }] };
    const pair = pairOf('openai-chat', 'anthropic-messages');
    const answer = answerWith('anthropic-messages', [
      { id: 'toolu_1', name: 'apply_patch', input: { input: patch } },
    ]);
    const bytes = Buffer.from(JSON.stringify(answer));
    const call = { id: 'toolu_1', type: 'custom', custom: { name: 'apply_patch', input: patch } };
    const whole = JSON.parse(pair.writeAnswer(bytes, contextOf(body)).toString()) as {
      choices: { message: { tool_calls: object[] } }[];
    };
    expect(whole.choices[0]?.message.tool_calls).toEqual([call]);
    const events = eventsOf(pair.writeAnswerAsStream(bytes, contextOf(body)));
    const deltas = events.flatMap(
      ({ choices }) =>
        (choices as { delta: { tool_calls?: { custom: { input: string } }[] } }[])[0]?.delta.tool_calls ?? [],
    );
    expect(deltas.map(({ custom }) => custom.input).join('')).toBe(patch);
  });

  it('have the names of the caller on the record too', () => {
    const answer = answerWith('anthropic-messages', [{ id: 'a', name: 'agents__wait', input: {} }]);
    const call = { dialect: 'openai-responses', wire: 'anthropic-messages', requestModel: 'm' };
    const bytes = Buffer.from(JSON.stringify(answer));
    const output = [{ type: 'function_call', name: 'wait', namespace: 'agents' }];
    expect(assembleAnswer(call, bytes, false, Buffer.from(JSON.stringify(codex)))).toMatchObject({ output });
    expect(assembleAnswer(call, bytes, false)).toMatchObject({ output: [{ name: 'agents__wait' }] });
  });

  it('are what the model wrote, also where it is none of the form that was asked for', () => {
    for (const input of [{ patch: 'x' }, { input: 5 }]) {
      const answer = answerWith('anthropic-messages', [{ id: 'a', name: 'apply_patch', input }]);
      const written = pairOf('openai-responses', 'anthropic-messages').writeAnswer(
        Buffer.from(JSON.stringify(answer)),
        contextOf(codex),
      );
      expect(written.toString()).toContain(JSON.stringify(JSON.stringify(input)));
    }
  });
});

interface Called {
  readonly id: string;
  readonly name: string;
  readonly input: object;
}

/** An answer of an API that calls tools. */
function answerWith(wire: string, calls: readonly Called[]): object {
  const chatCalls = calls.map(({ id, name, input }) => ({
    ...{ id, type: 'function', function: { name, arguments: JSON.stringify(input) } },
  }));
  switch (wire) {
    case 'anthropic-messages':
      return {
        ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'm', stop_reason: 'tool_use' },
        content: calls.map((call) => ({ type: 'tool_use', ...call })),
        usage: { input_tokens: 1, output_tokens: 1 },
      };
    case 'gemini-generate-content': {
      const parts = calls.map(({ name, input }) => ({ functionCall: { name, args: input } }));
      return { candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }], responseId: 'r' };
    }
    case 'bedrock-converse': {
      const content = calls.map(({ id, ...call }) => ({ toolUse: { toolUseId: id, ...call } }));
      return { output: { message: { role: 'assistant', content } }, stopReason: 'tool_use', usage: {} };
    }
    case 'cohere-chat':
      return {
        id: 'c',
        finish_reason: 'TOOL_CALL',
        message: { role: 'assistant', tool_calls: chatCalls },
      };
    default:
      return {
        ...{ id: 'c', object: 'chat.completion', model: 'm' },
        choices: [{ index: 0, message: { role: 'assistant', tool_calls: chatCalls }, finish_reason: 'tool_calls' }], // prettier-ignore
      };
  }
}
