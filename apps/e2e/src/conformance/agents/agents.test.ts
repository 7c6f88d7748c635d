import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LoomClient } from '@loom/api-contract';
import { generatedSection } from '@loom/testkit';
import { Deployment, eventually, startMsMax } from '../../testing/deployment.ts';
import { type Agent, agents, AgentTools, note } from './agent-tools.ts';
import { ScriptedTask } from './scripted-task.ts';

/*
 * Coding agents that nobody here wrote, unmodified, on a provider of each kind: each writes a file and reads it back, in
 * three turns with two tools.
 */
const tools = await AgentTools.prepare();
const targets = [
  { provider: 'openai', model: 'gpt-4o' },
  { provider: 'openai-compatible', model: 'llama-3.3' },
  { provider: 'anthropic', model: 'claude-sonnet-4-6' },
  { provider: 'gemini', model: 'gemini-2.5-flash' },
];
const taskMsMax = 90_000;
const document = fileURLToPath(new URL('../../../../../docs/compatibility.md', import.meta.url));
/** By agent and provider: what was left out of its requests. */
const results = new Map<string, readonly string[]>();

let provider: ScriptedTask;
let loom: Deployment;
let client: LoomClient;
let connection: { gatewayUrl: string; apiKey: string };
beforeAll(async () => {
  provider = await ScriptedTask.start();
  loom = await Deployment.start({
    ...{ OPENAI_API_KEY: 'sk-openai', OPENAI_BASE_URL: `${provider.url}/v1` },
    ...{ ANTHROPIC_API_KEY: 'sk-anthropic', ANTHROPIC_BASE_URL: provider.url },
    ...{ GEMINI_API_KEY: 'gemini', GEMINI_BASE_URL: provider.url },
    OPENAI_COMPATIBLE_BASE_URL: `${provider.url}/v1`,
  });
  const operator = await loom.client(await loom.secret('operator-key'));
  const { id: projectId } = await operator.createProject({ body: { name: 'agents' } });
  const key = await operator.createKey({ body: { name: 'agents', scopes: ['call', 'manage'], projectId } });
  connection = { gatewayUrl: (await loom.runtime()).gatewayUrl, apiKey: key.secret };
  client = await loom.client(key.secret);
}, 2 * startMsMax);
afterAll(async () => {
  await tools.close();
  await loom.destroy();
  await provider.stop();
});

/** Leads the model that an agent asks for to a target. Resolves when the gateway has heard it. */
async function lead(alias: string, target: (typeof targets)[number]): Promise<void> {
  const { aliases } = await client.listAliases();
  const known = aliases.find((found) => found.alias === alias);
  if (known) await client.updateAlias({ params: { id: known.id }, body: target });
  else await client.createAlias({ body: { alias, ...target } });
  provider.model = '';
  await eventually(
    async () => {
      await fetch(`${connection.gatewayUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${connection.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: alias, messages: [{ role: 'user', content: 'hi' }] }),
      });
      return provider.model;
    },
    (model) => model === target.model,
  );
}

/** Calls that have ended, and what was left out of those after the first `after`. */
async function ended(after = 0): Promise<{ calls: number; dropped: readonly string[] }> {
  const events = (await loom.traceEvents()).flatMap((event) =>
    event.type === 'call.completed' ? [event.facts.dropped ?? []] : [],
  );
  return { calls: events.length, dropped: [...new Set(events.slice(after).flat())].toSorted() };
}

function matrix(): string {
  const head = ['Agent', ...targets.map(({ provider: name }) => name)];
  const rows = agents.map((agent) => [
    `${agent.name} ${agent.version}`,
    ...targets.map(({ provider: name }) => {
      const dropped = results.get(`${agent.name} ${name}`) ?? [];
      return dropped.length === 0
        ? 'works'
        : `works without ${dropped.map((path) => `\`${path}\``).join(', ')}`;
    }),
  ]);
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`);
  return `\n${lines.join('')}\n`;
}

async function perform(
  agent: Agent,
  model: string,
  target: string,
): Promise<{ printed: string; written: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-agent-work-'));
  provider.script(agent.calls(folder, target));
  const prompt = 'Write a note into note.txt and read it back.';
  const printed = await tools.run(agent, { ...connection, model, prompt, folder }, taskMsMax);
  const written = await readFile(join(folder, 'note.txt'), 'utf8').catch(() => '');
  await rm(folder, { recursive: true, force: true });
  return { printed, written };
}

if (tools.missing !== null) it.skip(`coding agents (missing: ${tools.missing})`, () => undefined);
else {
  describe.each(agents)('$name', (agent) => {
    it.each(targets)(
      'writes a file and reads it back by a model of $provider',
      async (target) => {
        const { models = [] } = agent;
        const [model = `${target.provider}/${target.model}`] = models;
        for (const alias of models) await lead(alias, target);
        const before = await ended();
        const { printed, written } = await perform(agent, model, target.provider);
        expect({ printed, written: written.trim() }).toEqual({
          printed: expect.stringContaining('The file says'),
          written: note,
        });
        expect(printed).toContain(note);
        const { dropped } = await ended(before.calls);
        results.set(`${agent.name} ${target.provider}`, dropped);
      },
      2 * taskMsMax,
    );
  });

  it('work as docs/compatibility.md says', () => {
    expect(generatedSection(document, matrix())).toBe(matrix());
  });
}
