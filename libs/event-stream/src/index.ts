export { PartitionReader, readPartition } from './drivers/log/partition-reader.ts';
export {
  type AppendOptions,
  diskFull,
  PartitionWriter,
  type PartitionWriterOptions,
} from './drivers/log/partition-writer.ts';
export { fsyncDirectory, listPartitions, replaceFile, topicBytes } from './drivers/log/layout.ts';
export { logRootOf } from './drivers/log/log-event-stream.ts';
export { sweepLog, type SweepOptions } from './drivers/log/retention.ts';
export type {
  Batch,
  BatchHandler,
  EventStream,
  NewRecord,
  Producer,
  StreamEnds,
  StreamRecord,
  SubscribeOptions,
  Subscription,
  TailOptions,
} from './event-stream.ts';
export { type EventStreamDeps, openEventStream } from './open.ts';
export { markStream, type StreamMark } from './stream-mark.ts';
