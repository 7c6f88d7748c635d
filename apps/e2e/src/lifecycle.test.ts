import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answerPieces, UpstreamPlayer } from '@loom/testkit';
import { topics } from '@loom/trace-schema';
import { Deployment, eventually, onServers, startMsMax } from './testing/deployment.ts';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url));

let loom: Deployment;
let player: UpstreamPlayer;
beforeAll(async () => {
  player = await UpstreamPlayer.start();
  loom = await Deployment.start({ OPENAI_COMPATIBLE_BASE_URL: player.url, LOOM_GATEWAY_STOP_GRACE: '300ms' });
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
  await player.close();
});

async function chat(content: string, headers: Record<string, string> = {}): Promise<Response> {
  const { gatewayUrl, apiKey } = await loom.runtime();
  const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, ...headers },
    body: JSON.stringify({ model: 'loom-sim', stream: true, messages: [{ role: 'user', content }] }),
  });
  await response.text();
  return response;
}

async function loomCli(...args: string[]): Promise<string> {
  const env = { ...process.env, LOOM_HOME: loom.home };
  return (await run(process.execPath, [cli, ...args], { env })).stdout;
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a deployment on one machine', () => {
  it('answers its first call without any provider, and keeps its secrets to itself', async () => {
    expect((await chat('hello')).status).toBe(200);
    for (const path of onServers ? ['secrets', 'gateway-1/outbox'] : ['secrets', 'stream']) {
      expect((await stat(join(loom.home, path))).mode & 0o077).toBe(0);
    }
    const snapshot = onServers ? 'gateway-1/control-snapshot.json' : 'control-snapshot.json';
    for (const path of ['runtime.json', snapshot, 'secrets/master-key', 'secrets/first-key']) {
      expect((await stat(join(loom.home, path))).mode & 0o077).toBe(0);
    }
    const { apiKey } = await loom.runtime();
    expect(loom.output).not.toContain(await loom.secret('operator-key'));
    expect(loom.output.split(apiKey).length - 1).toBeLessThanOrEqual(2); // the banner and its example
  });

  it('shows a call in the terminal as a person reads it, and as JSON', async () => {
    const response = await chat('what is \u001b[31mred\u001b[0m?', { 'x-loom-session-id': 's-1' });
    const traceId = response.headers.get('x-loom-trace-id') ?? '';
    const shown = await eventually(
      () => loomCli('show', traceId),
      (text) => text.includes('cost') && !text.includes('pending'),
    );
    expect(shown).toContain('loom-sim');
    expect(shown).toContain('completed');
    expect(shown).toMatch(/asked .*what is/);
    expect(shown).toMatch(/answered .*simulator built into Loom/);
    expect(shown).toMatch(/tokens .* in, .* out/);
    expect(shown).toMatch(/cost .*\$0/);
    expect(shown).toContain('chunks');
    expect(shown).not.toContain('\u001b[31m');
    const listed = JSON.parse(await loomCli('traces', '--json', '--filter', 'session:s-1')) as {
      traces: { traceId: string }[];
    };
    expect(listed.traces.map((trace) => trace.traceId)).toEqual([traceId]);
  });

  it('hands out keys, and takes them back within a second', async () => {
    const created = JSON.parse(await loomCli('keys', 'create', '--name', 'ci', '--json')) as Record<
      string,
      unknown
    >;
    const text = /loom_live_\w+/.exec(JSON.stringify(created))?.[0] ?? '';
    const id = /loom_live_([0-9A-Za-z]{22})/.exec(text)?.[1] ?? '';
    const status = async () => (await chat('x', { authorization: `Bearer ${text}` })).status;
    await eventually(status, (code) => code === 200, 5_000);
    await loomCli('keys', 'revoke', id);
    await eventually(status, (code) => code === 401, 2_000);
  });

  it('applies a renamed and shortened key within a second, and says that it has expired', async () => {
    const { key, secret } = JSON.parse(await loomCli('keys', 'create', '--name', 'ci', '--json')) as {
      key: { id: string };
      secret: string;
    };
    const code = async () => {
      const { gatewayUrl } = await loom.runtime();
      const response = await fetch(`${gatewayUrl}/v1/models`, {
        headers: { authorization: `Bearer ${secret}` },
      });
      const { error } = (await response.json()) as { error?: { code?: string } };
      return error?.code ?? response.status;
    };
    await eventually(code, (answer) => answer === 200, 5_000);
    await loomCli('keys', 'update', key.id, '--name', 'nightly', '--expires', '2s');
    expect(await loomCli('keys', 'list')).toMatch(new RegExp(`${key.id} +nightly .* until `));
    await eventually(code, (answer) => answer === 'expired_api_key', 4_000);
    await expect(loomCli('keys', 'update', key.id, '--expires', 'never')).rejects.toMatchObject({
      stderr: expect.stringMatching(/expired at .*; create a new one/),
    });
  });

  it('sets a poison message aside and goes on with the rest', async () => {
    const stream = await loom.openStream();
    const producer = await stream.producer(topics.traces);
    const poison = [
      'not json',
      '{"type":"call.completed"}',
      '{"type":"unknown.event","id":"x"}',
      '\u0000\u0001',
    ];
    await producer.append(
      poison.map((value) => ({ key: 'p', headers: { ce_id: 'poison' }, value: Buffer.from(value) })),
    );
    const response = await chat('after the poison');
    const client = await loom.client();
    const traceId = response.headers.get('x-loom-trace-id') ?? '';
    await eventually(
      () => client.getTrace({ params: { traceId } }),
      ({ spans }) => spans[0]?.costState === 'priced',
    );
    const letters = await eventually(
      async () =>
        [...(await loom.eventsOf(topics.deadLetters)).values()].flat() as { group: string; value: string }[],
      (found) => found.filter(({ group }) => group === 'ingest').length >= 2,
    );
    const values = letters.map(({ value }) => Buffer.from(value, 'base64').toString());
    expect(values).toEqual(expect.arrayContaining(['not json', '{"type":"call.completed"}']));
    await stream.close();
  });

  it('refuses a second one on the same home, and says what to do', async () => {
    const main = fileURLToPath(new URL('../../standalone/dist/main.js', import.meta.url));
    const second = run(process.execPath, [main], {
      env: { ...process.env, LOOM_HOME: loom.home, LOOM_GATEWAY_PORT: '0', LOOM_BACKEND_PORT: '0' },
    });
    await expect(second).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/in use by another Loom/),
    });
    expect((await chat('still here')).status).toBe(200);
  });

  it(
    'keeps what it knows over a clean stop and a start, under the same key',
    async () => {
      const before = await loom.runtime();
      const response = await chat('before the stop');
      const traceId = response.headers.get('x-loom-trace-id') ?? '';
      const piece = 'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
      player.play = answerPieces([piece], { end: 'never' });
      const running = await fetch(`${before.gatewayUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${before.apiKey}` },
        body: JSON.stringify({ model: 'openai-compatible/m', stream: true, messages: [] }),
      });
      const text = running.text();
      expect(await loom.stop()).toBe(0);
      expect(await text).toMatch(
        /^data: \{"id":"x".*\n\ndata: \{"error":\{"message":"the gateway is stopping"/s,
      );
      expect(Object.values(before.pids).filter(alive)).toEqual([]);
      await expect(stat(join(loom.home, 'runtime.json'))).rejects.toThrow();
      await loom.start();
      const client = await loom.client();
      expect((await loom.runtime()).apiKey).toBe(before.apiKey);
      const { spans } = await eventually(
        () => client.getTrace({ params: { traceId } }),
        (page) => page.spans.length === 1,
      );
      expect(spans[0]?.outcome).toBe('completed');
      const broken = await eventually(
        () => client.getTrace({ params: { traceId: running.headers.get('x-loom-trace-id') ?? '' } }),
        (page) => page.spans.length === 1,
      );
      expect(broken.spans[0]).toMatchObject({ outcome: 'interrupted', status: 200 });
    },
    2 * startMsMax,
  );

  it(
    'leaves no process behind when its supervisor is killed',
    async () => {
      const { pids } = await loom.runtime();
      await loom.stop('SIGKILL');
      await eventually(
        () => Promise.resolve(Object.values(pids).filter(alive)),
        (left) => left.length === 0,
      );
      await loom.start();
      expect((await chat('again')).status).toBe(200);
    },
    2 * startMsMax,
  );
});
