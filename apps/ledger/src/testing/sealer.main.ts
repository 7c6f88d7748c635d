/**
 * A sealer in a process of its own, for faults: takes batches of records as JSON by IPC, in any order and again and again,
 * as consumer groups hand them out, and says when each is sealed.
 */
import { openControlStore } from '@loom/control-store';
import { parseMasterKeys } from '@loom/control-store/secrets';
import type { StreamRecord } from '@loom/event-stream';
import { newUuid } from '@loom/trace-schema';
import { Commitments } from '../seal/commitments.ts';
import { LogAppender } from '../seal/log-appender.ts';
import { SealingPipeline } from '../seal/sealing-pipeline.ts';

interface Order {
  readonly batch: number;
  readonly records: readonly (Omit<StreamRecord, 'value'> & { readonly value: string })[];
}

const { controlStoreUrl, masterKeys } = JSON.parse(process.argv[2] ?? '{}') as {
  controlStoreUrl: string;
  masterKeys: string;
};
const { ledger: store } = await openControlStore(new URL(controlStoreUrl), { sessionSecret: 'x'.repeat(32) });
const nothing = () => Promise.resolve();
const pipeline = new SealingPipeline({
  commitments: new Commitments({ store, masterKeys: parseMasterKeys(masterKeys), keepKey: nothing }),
  appender: new LogAppender({ store, appender: newUuid(), journal: null }),
  onKey: nothing,
  onSealed: () => undefined,
  onUnreadable: () => undefined,
});
process.on('message', ({ batch, records }: Order) => {
  const own = records.map((record) => ({ ...record, value: Buffer.from(record.value) }));
  pipeline.handle({ records: own }).then(
    () => process.send?.({ sealed: batch }),
    (error: unknown) => process.send?.({ failed: batch, message: String(error) }),
  );
});
process.once('disconnect', () => process.exit(0));
process.send?.({ ready: true });
