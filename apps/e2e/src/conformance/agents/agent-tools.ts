import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The agents as their makers publish them, and the steps that an install without scripts leaves out. */
const packages = {
  '@anthropic-ai/claude-code': { version: '2.1.197', setUp: 'install.cjs' },
  '@openai/codex': { version: '0.171.0', setUp: null },
  'opencode-ai': { version: '1.18.33', setUp: 'postinstall.mjs' },
  '@google/gemini-cli': { version: '0.61.0', setUp: null },
} as const;

/** What an agent is started with. */
export interface AgentTask {
  readonly gatewayUrl: string;
  readonly apiKey: string;
  readonly model: string;
  readonly prompt: string;
  /** Where it works. */
  readonly folder: string;
}

/** A coding agent of another maker, as its users start it. */
export interface Agent {
  /** Of its command. */
  readonly name: string;
  readonly version: string;
  /** Models that it asks for by itself: they are led to the target. Absent: it asks for the target by name. */
  readonly models?: readonly string[];
  /** The calls of tools that do the task, by its own names: one writes a file, one reads it. */
  readonly calls: (folder: string, provider: string) => readonly (readonly [tool: string, input: object])[];
  readonly start: (task: AgentTask, home: string) => Promise<{ args: string[]; env: Record<string, string> }>;
}

export const note = 'hello agents';

const claudeCode: Agent = {
  ...{ name: 'claude', version: packages['@anthropic-ai/claude-code'].version },
  calls: (folder) => [
    ['Write', { file_path: `${folder}/note.txt`, content: note }],
    ['Read', { file_path: `${folder}/note.txt` }],
  ],
  start: ({ gatewayUrl, apiKey, model, prompt }) =>
    Promise.resolve({
      args: ['-p', prompt, '--model', model, '--dangerously-skip-permissions'],
      env: {
        ...{ ANTHROPIC_BASE_URL: gatewayUrl, ANTHROPIC_API_KEY: apiKey },
        ...{ CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', IS_SANDBOX: '1' },
      },
    }),
};

/**
 * Codex offers `web_search`, which only OpenAI runs: its users choose whether it is left out. It has free text tools for
 * models that it knows, so it asks for one of those.
 */
const codex: Agent = {
  ...{ name: 'codex', version: packages['@openai/codex'].version, models: ['gpt-5.5'] },
  calls: (_folder, provider) => [
    // The scripted provider has no free text tools in its Responses API, where Loom translates nothing.
    provider === 'openai'
      ? ['exec_command', { cmd: `printf '${note}' > note.txt` }]
      : ['apply_patch', { input: `*** Begin Patch\n*** Add File: note.txt\n+${note}\n*** End Patch` }],
    ['exec_command', { cmd: 'cat note.txt' }],
  ],
  start: async ({ gatewayUrl, apiKey, model, prompt }, home) => {
    await mkdir(join(home, '.codex'));
    const config = [
      ...[`model = "${model}"`, 'model_provider = "loom"', '[model_providers.loom]', 'name = "Loom"'],
      ...[`base_url = "${gatewayUrl}/v1"`, 'env_key = "LOOM_KEY"', 'wire_api = "responses"'],
      'http_headers = { "x-loom-unsupported" = "drop" }',
    ];
    await writeFile(join(home, '.codex/config.toml'), config.join('\n'));
    const args = ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', prompt];
    return { args, env: { LOOM_KEY: apiKey } };
  },
};

const openCode: Agent = {
  ...{ name: 'opencode', version: packages['opencode-ai'].version },
  calls: (folder) => [
    ['write', { filePath: `${folder}/note.txt`, content: note }],
    ['read', { filePath: `${folder}/note.txt` }],
  ],
  start: async ({ gatewayUrl, apiKey, model, prompt }, home) => {
    const folder = join(home, '.config/opencode');
    await mkdir(folder, { recursive: true });
    const models = { [model]: { name: model, tool_call: true, limit: { context: 100_000, output: 8000 } } };
    const loom = {
      ...{ npm: '@ai-sdk/openai-compatible', name: 'Loom', models },
      options: { baseURL: `${gatewayUrl}/v1`, apiKey },
    };
    const config = { provider: { loom }, permission: { '*': 'allow' } };
    await writeFile(join(folder, 'opencode.json'), JSON.stringify(config));
    return { args: ['run', '-m', `loom/${model}`, prompt], env: {} };
  },
};

/**
 * Without telemetry and updates, and with the kind of its credential, which it else asks for. It has one model choose the
 * other, as its users have it who name none.
 */
const geminiCli: Agent = {
  ...{ name: 'gemini', version: packages['@google/gemini-cli'].version },
  models: ['gemini-3.1-pro-preview', 'gemini-3.5-flash', 'gemini-3.5-flash-lite'],
  calls: (folder) => [
    ['write_file', { file_path: `${folder}/note.txt`, content: note }],
    ['read_file', { file_path: `${folder}/note.txt` }],
  ],
  start: async ({ gatewayUrl, apiKey, prompt }, home) => {
    const settings = {
      security: { auth: { selectedType: 'gemini-api-key' } },
      privacy: { usageStatisticsEnabled: false },
      general: { enableAutoUpdate: false },
    };
    await mkdir(join(home, '.gemini'));
    await writeFile(join(home, '.gemini/settings.json'), JSON.stringify(settings));
    return {
      args: ['-p', prompt, '--yolo', '--skip-trust'],
      env: { GOOGLE_GEMINI_BASE_URL: gatewayUrl, GEMINI_API_KEY: apiKey },
    };
  },
};

export const agents: readonly Agent[] = [claudeCode, codex, openCode, geminiCli];

/** The agents in a folder of their own. */
export class AgentTools {
  /** Why there are none; null when there are. */
  readonly missing: string | null;
  readonly #folder: string;

  private constructor(folder: string, missing: string | null) {
    this.#folder = folder;
    this.missing = missing;
  }

  /** Installs them from the registry. */
  static async prepare(): Promise<AgentTools> {
    const folder = await mkdtemp(join(tmpdir(), 'loom-agents-'));
    const named = Object.entries(packages).map(([name, { version }]) => `${name}@${version}`);
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    try {
      await run('npm', ['install', '--prefix', folder, ...quiet, ...named], { timeout: 180_000 });
      for (const [name, { setUp }] of Object.entries(packages)) {
        const cwd = join(folder, 'node_modules', name);
        if (setUp !== null) await run(process.execPath, [setUp], { cwd, timeout: 60_000 });
      }
      return new AgentTools(folder, null);
    } catch (error) {
      return new AgentTools(folder, `the npm registry: ${String(error).split('\n').at(-1) ?? ''}`);
    }
  }

  /** Has an agent do a task; resolves with what it printed when it ended. */
  async run(agent: Agent, task: AgentTask, timeoutMs: number): Promise<string> {
    const home = await mkdtemp(join(tmpdir(), 'loom-agent-home-'));
    const { args, env } = await agent.start(task, home);
    const child = spawn(join(this.#folder, 'node_modules/.bin', agent.name), args, {
      cwd: task.folder,
      env: { PATH: process.env.PATH, HOME: home, CI: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => (printed += text.toString()));
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    await once(child, 'close');
    clearTimeout(timer);
    await rm(home, { recursive: true, force: true });
    return printed;
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
