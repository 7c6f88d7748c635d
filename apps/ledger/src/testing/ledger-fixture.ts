import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from '@jest/globals';
import { Secret } from '@loom/config';
import { type ControlStore, openControlStore, type StoredCheckpoint } from '@loom/control-store';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { type EventStream, openEventStream } from '@loom/event-stream';
import { newKeyText, openSigner, type Signer } from '@loom/signer';
import { createLogger, Metrics } from '@loom/telemetry';
import { openTraceStore, type Selection, type TraceStore } from '@loom/trace-store';
import { type LedgerServiceDeps, startLedger } from '../service.ts';

export const masterKeys = `k1:${randomBytes(32).toString('base64')}`;

/** What `look` finds, as soon as it does. Throws when it has not after `whileMs`. */
export async function until<Value>(
  look: () => Promise<Value | null | undefined | false>,
  whileMs = 25_000,
): Promise<Value> {
  const deadline = performance.now() + whileMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error('it did not happen in time');
    await delay(20);
  }
}

interface Opened {
  readonly engines: TestEngines;
  readonly store: ControlStore;
  readonly traceStore: TraceStore;
  readonly directory: string;
  readonly signer: Signer;
}

/** The ledger service over real stores, for the tests of one file; each has a project and a stream of its own. */
export class LedgerFixture {
  readonly logger = createLogger({ service: 'test', level: 'silent' });
  readonly opened: Opened;
  /** What the trace store tells of its old parts: its own take their time. */
  leftMs = 0;
  /** How far the clock of erasures and retention is ahead, milliseconds. */
  aheadMs = 0;
  /** Of the ledger that was started last. */
  metrics = new Metrics();
  #test: { projectId: string; stream: EventStream } | null = null;
  #ledger: { close(): Promise<void> } | null = null;

  private constructor(opened: Opened) {
    this.opened = opened;
  }

  static async open(): Promise<LedgerFixture> {
    const engines = await startTestEngines();
    const store = await openControlStore(new URL(engines.controlStoreUrl), {
      sessionSecret: 'x'.repeat(32),
    });
    const traceStore = await openTraceStore(new URL(engines.traceStoreUrl));
    const directory = await mkdtemp(join(tmpdir(), 'loom-ledger-'));
    await writeFile(join(directory, 'keys'), newKeyText('loom.test'), { mode: 0o600 });
    const signer = await openSigner(pathToFileURL(join(directory, 'keys')));
    return new LedgerFixture({ engines, store, traceStore, directory, signer });
  }

  async beginTest(url = new URL('memory:')): Promise<{ projectId: string; stream: EventStream }> {
    const stream = await openEventStream(url);
    this.#test = { projectId: randomUUID(), stream };
    return this.#test;
  }

  async startLedger(config: Partial<LedgerServiceDeps['config']> = {}): Promise<void> {
    if (!this.#test) throw new Error('begin the test first');
    const { signer, store, directory } = this.opened;
    const { stream } = this.#test;
    const { traceStore: opened } = this.opened;
    const traceStore = {
      countErasable: (selection: Selection) => opened.countErasable(selection),
      erase: (selection: Selection) => opened.erase(selection),
      sweep: () => Promise.resolve(this.leftMs),
    };
    this.metrics = new Metrics();
    this.#ledger = await startLedger({
      config: {
        LOOM_LEDGER_SIGNER_URL: pathToFileURL(join(directory, 'keys')),
        LOOM_LEDGER_DIRECTORY: undefined,
        LOOM_LEDGER_JOURNAL: false,
        LOOM_LEDGER_RECOVER: false,
        LOOM_LEDGER_SEAL_INTERVAL: 50,
        LOOM_LEDGER_SEAL_LEAVES: 4096,
        LOOM_LEDGER_GAP_AFTER: 300_000,
        LOOM_LEDGER_ORPHAN_AFTER: Number.MAX_SAFE_INTEGER,
        LOOM_LEDGER_ERASURE_INTERVAL: 50,
        LOOM_LEDGER_ERASURE_DEADLINE: 0,
        LOOM_LEDGER_WITNESSES: [],
        LOOM_LEDGER_WEBHOOKS: [],
        LOOM_LEDGER_BUCKET_URL: null,
        LOOM_LEDGER_BUCKET_RETENTION: 86_400_000,
        LOOM_MASTER_KEYS: new Secret(masterKeys),
        ...config,
      },
      ...{ stream, signer, store: store.ledger, traceStore, logger: this.logger, metrics: this.metrics },
      now: () => Date.now() + this.aheadMs,
      onFileFailure: (error) => expect(error).toBeUndefined(),
    });
  }

  async stopLedger(): Promise<void> {
    await this.#ledger?.close();
    this.#ledger = null;
  }

  /** The newest checkpoint of the test's project, as soon as it has `size` leaves. */
  checkpointOf(size: number): Promise<StoredCheckpoint> {
    const projectId = this.#test?.projectId ?? '';
    return until(async () => {
      const found = await this.opened.store.ledger.readCheckpoint(projectId);
      return found && found.size >= size && found;
    });
  }

  async endTest(): Promise<void> {
    await this.stopLedger();
    await this.#test?.stream.close();
  }

  async close(): Promise<void> {
    const { engines, store, traceStore, directory } = this.opened;
    await traceStore.close();
    await store.close();
    await engines.stop();
    await rm(directory, { recursive: true });
  }
}
