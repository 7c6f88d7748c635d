import { join } from 'node:path';
import type { BucketKey, BucketPlace, LedgerStore } from '@loom/control-store';
import { bucketLabels, contentKeysOf, parseMasterKeys } from '@loom/control-store/secrets';
import type { LoomError } from '@loom/errors';
import type { EventStream } from '@loom/event-stream';
import { keyPeriodOf } from '@loom/ledger';
import { startConsumer } from '@loom/service-kit';
import type { Signer } from '@loom/signer';
import type { Logger, Metrics } from '@loom/telemetry';
import { millisOfNanos, newUuid, uuidTimeMs } from '@loom/trace-schema';
import type { TraceJanitor } from '@loom/trace-store';
import { Anchors } from './anchor/anchors.ts';
import { AppModule } from './app.module.ts';
import type { LedgerSettings } from './config.ts';
import { Eraser } from './erase/eraser.ts';
import { RetentionRuns } from './erase/retention.ts';
import { LedgerMetrics } from './metrics.ts';
import { CheckpointFiles } from './publish/checkpoint-files.ts';
import { expectHistory } from './publish/expect-history.ts';
import { Publisher } from './publish/publisher.ts';
import { Commitments } from './seal/commitments.ts';
import { Journal, journalUnwritten } from './seal/journal.ts';
import { KeyFiles } from './seal/key-files.ts';
import { LogAppender } from './seal/log-appender.ts';
import { SealingPipeline } from './seal/sealing-pipeline.ts';
import { Rounds } from './watch/rounds.ts';
import { Watchman } from './watch/watchman.ts';

export { ledgerConfigSchema, ledgerSettings, type LedgerSettings } from './config.ts';

export interface LedgerServiceDeps {
  readonly config: LedgerSettings & {
    readonly LOOM_MASTER_KEYS: { reveal(): string };
  };
  readonly stream: EventStream;
  readonly store: LedgerStore;
  readonly traceStore: TraceJanitor;
  readonly signer: Signer;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called when a file of the ledger cannot be written any more: the process must end and be started again. */
  readonly onFileFailure: (error: unknown) => void;
  /** What erasures and retention take for now, unix milliseconds; absent: the clock. */
  readonly now?: () => number;
}

const watchMs = 5_000;

/** Starts the consumer group `ledger`, the signing of heads and the watch over what is missing. */
export async function startLedger(deps: LedgerServiceDeps): Promise<{ close(): Promise<void> }> {
  const { config, stream, store, signer, logger, metrics } = deps;
  const appenderId = newUuid();
  const files = await openFiles(deps, appenderId);
  const masterKeys = parseMasterKeys(config.LOOM_MASTER_KEYS.reveal());
  const contentKeys = contentKeysOf(config);
  const keepKey = async (key: BucketKey & BucketPlace) => {
    if (!files?.keys || (await files.keys.has(key.keyId))) return;
    await files.keys.put(key);
    // An erasure meanwhile may have looked for the file before it was there.
    if (!(await store.readBucketKeys([key.keyId])).has(key.keyId)) await files.keys.remove([key.keyId]);
  };
  const commitments = new Commitments({ store, masterKeys: contentKeys, keepKey });
  const appender = new LogAppender({ store, appender: appenderId, journal: files?.journal ?? null });
  const publisher = new Publisher({ store, signer, files: files?.checkpoints ?? null, logger, metrics });
  const anchors = new Anchors({ config, store, logger, metrics });
  const sealing = new Rounds('sealing', config.LOOM_LEDGER_SEAL_INTERVAL, logger, async () => {
    if ((await publisher.publishAll()).length > 0) anchors.soon();
  });
  const ledgerMetrics = new LedgerMetrics(metrics, store);
  let unsigned = 0;
  const pipeline = new SealingPipeline({
    ...{ commitments, appender },
    onKey: async ({ keyId, projectId, bucket: named, sealed: sealedKey, time }) => {
      const [bucket = named] = bucketLabels(contentKeys, projectId, named);
      const fromMs = keyPeriodOf(uuidTimeMs(keyId));
      const key = { keyId, projectId, bucket, sealedKey, createdAtMs: millisOfNanos(time), fromMs };
      await store.keepBucketKey(key);
      await keepKey(key);
    },
    onSealed: (_projectId, leaves) => {
      ledgerMetrics.sealed(leaves);
      unsigned += leaves;
      if (unsigned < config.LOOM_LEDGER_SEAL_LEAVES) return;
      unsigned = 0;
      sealing.soon();
    },
    onUnreadable: (records) => {
      ledgerMetrics.unreadable(records);
      logger.error(
        { records },
        'records of the event stream cannot be read; the log of the deployment tells of them',
      );
    },
  });
  const watchman = new Watchman({
    ...{ store, signer, appender, commitments },
    gapAfterMs: config.LOOM_LEDGER_GAP_AFTER,
    orphanAfterMs: config.LOOM_LEDGER_ORPHAN_AFTER,
  });
  await watchman.look(); // the log of the deployment begins with its keys
  const janitorDeps = {
    ...{ store, traceStore: deps.traceStore, appender, keyFiles: files?.keys ?? null, logger },
    now: deps.now ?? Date.now,
  };
  const eraser = new Eraser({
    ...janitorDeps,
    ...{ masterKeys, contentKeys },
    commitments,
    deadlineMs: config.LOOM_LEDGER_ERASURE_DEADLINE,
    callMsMax: config.LOOM_LEDGER_ORPHAN_AFTER,
  });
  await eraser.secureCuts();
  const consumer = await startConsumer({
    stream,
    logger,
    metrics,
    group: 'ledger',
    module: AppModule.register(pipeline),
  });
  sealing.start();
  anchors.start();
  const watch = new Rounds('watch', watchMs, logger, async () => {
    await watchman.look();
    await files?.journal?.sweep();
  });
  watch.start();
  const retention = new RetentionRuns(janitorDeps);
  const janitors = [
    new Rounds('erasure', config.LOOM_LEDGER_ERASURE_INTERVAL, logger, () => eraser.round()),
    new Rounds('retention', config.LOOM_LEDGER_ERASURE_INTERVAL, logger, () => retention.round()),
  ];
  for (const janitor of janitors) janitor.start();
  return {
    close: async () => {
      for (const janitor of janitors) await janitor.stop();
      await watch.stop();
      await consumer.close();
      await sealing.stop();
      await anchors.stop();
      await publisher.publishAll();
      await files?.close();
    },
  };
}

interface Files {
  readonly checkpoints: CheckpointFiles;
  readonly journal: Journal | null;
  readonly keys: KeyFiles | null;
  close(): Promise<void>;
}

async function openFiles(
  { config, store, logger, onFileFailure }: LedgerServiceDeps,
  appender: string,
): Promise<Files | null> {
  const root = config.LOOM_LEDGER_DIRECTORY;
  if (root === undefined) return null;
  const checkpointDirectory = join(root, 'checkpoints');
  const checkpoints = await CheckpointFiles.open(checkpointDirectory, onFileFailure);
  const journalDirectory = config.LOOM_LEDGER_JOURNAL ? join(root, 'journal') : null;
  const recover = config.LOOM_LEDGER_RECOVER;
  const keys = config.LOOM_LEDGER_JOURNAL ? await KeyFiles.open(join(root, 'bucket-keys')) : null;
  if (recover) await keys?.restore(store);
  const history = { checkpoints, checkpointDirectory, journalDirectory, recover };
  const recovered = await expectHistory(store, history);
  if (recovered > 0) logger.warn({ leaves: recovered }, 'control store brought forward from the journal');
  const onFailure = (error: LoomError) => onFileFailure(error);
  const journal =
    journalDirectory === null ? null : await Journal.open(journalDirectory, { appender, onFailure });
  if (journal && journalDirectory !== null) await journalUnwritten(journalDirectory, journal, store);
  return {
    ...{ checkpoints, journal, keys },
    close: async () => {
      await journal?.close();
      await checkpoints.close();
    },
  };
}
