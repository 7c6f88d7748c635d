import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { listPartitions, openEventStream, PartitionReader, type StreamRecord } from '@loom/event-stream';
import { missingForKafka, startedServerSuite, startKafka } from '@loom/testkit';
import { topics } from '@loom/trace-schema';
import { Deployment, eventually } from '../testing/deployment.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
/** Below a package that has kafkajs, so that the example finds it as it would at a reader's. */
const examples = join(root, 'apps/e2e/dist');
const require = createRequire(import.meta.url);
require.resolve('kafkajs');

interface PrintedCall {
  readonly callId: string;
  readonly traceId: string;
  readonly outcome: string;
  readonly model: string;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | null;
  readonly request: string | null;
  readonly answer: string | null;
}

/** The example with this title, as it stands on the page. */
async function exampleOf(title: string): Promise<string> {
  const page = await readFile(join(root, 'docs/subscribing.md'), 'utf8');
  const code = new RegExp(`^\`\`\`ts title="${title}"\n(.*?)^\`\`\``, 'ms').exec(page)?.[1];
  if (code === undefined) throw new Error(`docs/subscribing.md has no example ${title}`);
  return code;
}

/** Everything that a deployment has recorded on the trace topic, as it stands in its log. */
async function recordsOf(deployment: Deployment): Promise<StreamRecord[]> {
  const log = join(deployment.home, 'stream');
  const records: StreamRecord[] = [];
  for (const partition of await listPartitions(log, topics.traces)) {
    const reader = new PartitionReader(join(log, topics.traces, partition), 0);
    for (;;) {
      const read = await reader.read({ recordsMax: 1000, bytesMax: 64 * 1024 * 1024 });
      if (read.length === 0) break;
      records.push(...read);
    }
    await reader.close();
  }
  return records;
}

await startedServerSuite(
  { server: 'Apache Kafka', variable: 'LOOM_TEST_KAFKA_URL', missing: missingForKafka, start: startKafka },
  (url) => {
    const prefix = `${randomUUID()}.`;
    const small = { model: 'loom-sim', messages: [{ role: 'user', content: 'a small one' }], stream: true };
    const noise = randomBytes(700_000).toString('hex');
    const large = { model: 'loom-sim', messages: [{ role: 'user', content: noise }] };
    const answers = new Map<string, { sent: string; text: string }>();
    let directory = '';
    let subscriber: ChildProcess;
    let output = '';

    beforeAll(async () => {
      const loom = await Deployment.start();
      let records: StreamRecord[];
      try {
        const { gatewayUrl, apiKey } = await loom.runtime();
        for (const sent of [small, large].map((body) => JSON.stringify(body))) {
          const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
          const init = { method: 'POST', headers, body: sent };
          const response = await fetch(`${gatewayUrl}/v1/chat/completions`, init);
          const traceId = response.headers.get('x-loom-trace-id') ?? '';
          answers.set(traceId, { sent, text: await response.text() });
        }
        const ends = (found: StreamRecord[]) =>
          found.filter(({ headers }) => headers['ce_type'] === 'loom.call.completed');
        records = await eventually(
          () => recordsOf(loom),
          (found) => ends(found).length === 2,
        );
      } finally {
        await loom.destroy();
      }
      await append(records);

      await mkdir(examples, { recursive: true });
      directory = await mkdtemp(join(examples, 'subscriber-'));
      await writeFile(join(directory, 'package.json'), '{"type":"module"}');
      await writeFile(join(directory, 'subscribe.ts'), await exampleOf('subscribe.ts'));
      subscriber = spawn(process.execPath, ['subscribe.ts'], {
        cwd: directory,
        env: { BROKERS: url.host, TOPIC: prefix + topics.traces, GROUP: randomUUID() },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      subscriber.stdout?.on('data', (bytes: Buffer) => (output += bytes.toString()));
    });
    afterAll(async () => {
      if (subscriber.exitCode === null) {
        const exited = once(subscriber, 'exit');
        subscriber.kill('SIGKILL');
        await exited;
      }
      await rm(directory, { recursive: true });
    });

    /** With what a reader must stand: everything twice, and an event of a later version. */
    async function append(records: readonly StreamRecord[]): Promise<void> {
      const own = new URL(url);
      own.searchParams.set('prefix', prefix);
      own.searchParams.set('partitions', '3');
      const stream = await openEventStream(own);
      const producer = await stream.producer(topics.traces);
      const later = { headers: { ce_id: 'later', ce_type: 'loom.call.evaluated' }, value: Buffer.from('{}') };
      const [first] = records;
      await producer.append([{ key: first!.key, ...later }]);
      for (let time = 0; time < 2; time += 1) await producer.append(records);
      await stream.close();
    }

    const printed = () =>
      output
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as PrintedCall);

    it('the example of the page rebuilds every call once: request, answer, usage', async () => {
      const calls = await eventually(
        () => Promise.resolve(printed()),
        (found) => found.length >= answers.size,
      );
      const byTrace = new Map(calls.map((call) => [call.traceId, call]));
      expect([...byTrace.keys()].sort()).toEqual([...answers.keys()].sort());
      for (const [traceId, { sent, text }] of answers) {
        const call = byTrace.get(traceId)!;
        expect(call).toMatchObject({ outcome: 'completed', request: sent, model: 'loom-sim' });
        expect(call.usage?.outputTokens).toBeGreaterThan(0);
        // Of a stream the client did not get the usage that only Loom had asked for.
        if (sent === JSON.stringify(large)) expect(call.answer).toBe(text);
        else expect(call.answer).toContain('data: [DONE]');
      }
      expect(calls).toHaveLength(answers.size);
    });

    it('the example leaves its group when it is asked to stop', async () => {
      const exited = once(subscriber, 'exit');
      subscriber.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    });
  },
);
