import { type ChatCompletionRequest, type FixtureResponse, LLMock } from '@copilotkit/aimock';

const usage = { usage: { prompt_tokens: 5, completion_tokens: 3, input_tokens: 5, output_tokens: 3 } };

/** A title; and how hard the task is, by which Gemini CLI chooses a model. */
const sideAnswer = { title: 'A note', complexity_reasoning: 'It is a note.', complexity_score: 90 };

/** A call as a model makes it: the name of a tool and its input. */
export type ScriptedCall = readonly [tool: string, input: object];

/** A provider of all APIs whose models do one task: the calls of a script, one a turn, then what the last one said. */
export class ScriptedTask {
  readonly #mock = new LLMock({ port: 0, chunkSize: 5, strict: true });
  #calls: readonly ScriptedCall[] = [];
  /** The model that was asked last. */
  model = '';

  static async start(): Promise<ScriptedTask> {
    const task = new ScriptedTask();
    task.#mock.on({ userMessage: /[^]/ }, (request) => task.#answer(request));
    await task.#mock.start();
    return task;
  }

  get url(): string {
    return this.#mock.url;
  }

  script(calls: readonly ScriptedCall[]): void {
    this.#calls = calls;
  }

  stop(): Promise<void> {
    return this.#mock.stop();
  }

  // Agents also ask for titles, and for which model suits the task, without tools.
  #answer({ model, messages, tools = [] }: ChatCompletionRequest): FixtureResponse {
    this.model = model;
    if (tools.length === 0) return { content: JSON.stringify(sideAnswer), ...usage };
    const results = messages.filter(({ role }) => role === 'tool');
    const call = this.#calls[results.length];
    if (call) return { ...toolCall(model, call, results.length), ...usage };
    return { content: `The file says: ${JSON.stringify(results.at(-1)?.content)}`, ...usage };
  }
}

// Gemini gives calls no ids, and says STOP where OpenAI says `tool_calls`; Claude thinks before it calls.
function toolCall(model: string, [name, input]: ScriptedCall, turn: number): FixtureResponse {
  const call = { name, arguments: JSON.stringify(input) };
  if (model.startsWith('gemini')) return { toolCalls: [call], finishReason: 'stop' };
  const toolCalls = [{ ...call, id: `call_${name}_${turn}` }];
  return model.startsWith('claude') ? { toolCalls, reasoning: 'A file it is.' } : { toolCalls };
}
