export interface Snippet {
  readonly name: string;
  readonly install: string | null;
  readonly code: string;
}

/** A first call in each of the usual clients. `model` loom-sim is Loom's own simulator: it needs no provider. */
export function snippetsOf(gatewayUrl: string, key: string): Snippet[] {
  const base = `${gatewayUrl}/v1`;
  return [
    {
      name: 'curl',
      install: null,
      code: `curl ${base}/chat/completions \\
  -H 'authorization: Bearer ${key}' \\
  -H 'content-type: application/json' \\
  -d '{"model":"loom-sim","messages":[{"role":"user","content":"Hello"}]}'`,
    },
    {
      name: 'Python',
      install: 'pip install openai',
      code: `from openai import OpenAI

client = OpenAI(base_url="${base}", api_key="${key}")
answer = client.chat.completions.create(
    model="loom-sim",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
    },
    {
      name: 'TypeScript',
      install: 'npm install openai',
      code: `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: '${base}', apiKey: '${key}' });
const answer = await client.chat.completions.create({
  model: 'loom-sim',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);`,
    },
    {
      name: 'Responses',
      install: 'npm install openai',
      code: `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: '${base}', apiKey: '${key}' });
const answer = await client.responses.create({ model: 'loom-sim', input: 'Hello' });
console.log(answer.output_text);`,
    },
    {
      name: 'Anthropic',
      install: 'npm install @anthropic-ai/sdk',
      code: `import Anthropic from '@anthropic-ai/sdk';

// Without /v1: the SDK appends /v1/messages.
const client = new Anthropic({ baseURL: '${gatewayUrl}', apiKey: '${key}' });
const message = await client.messages.create({
  model: 'loom-sim',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(message.content);`,
    },
    {
      name: 'LangChain',
      install: 'pip install langchain-openai',
      code: `from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="loom-sim", base_url="${base}", api_key="${key}")
print(model.invoke("Hello").content)`,
    },
    {
      name: 'AI SDK',
      install: 'npm install ai @ai-sdk/openai-compatible',
      code: `import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText } from 'ai';

const loom = createOpenAICompatible({ name: 'loom', baseURL: '${base}', apiKey: '${key}' });
const { text } = await generateText({ model: loom('loom-sim'), prompt: 'Hello' });
console.log(text);`,
    },
  ];
}
