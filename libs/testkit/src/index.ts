export { generatedSection } from './generated-section.ts';
export { type KafkaServerOptions, missingForKafka, startKafka } from './kafka-server.ts';
export { OtlpReceiver, type ReceivedMetric, type ReceivedSpan } from './otlp-receiver.ts';
export { missingForPostgres, type PostgresServerOptions, startPostgres } from './postgres-server.ts';
export {
  eventStreamFrame,
  goldenCosts,
  goldenUsage,
  type RecordedCase,
  recordedCases,
  recordedChatCases,
  type RecordedWire,
} from './recorded.ts';
export { missingForRedis, type RedisServerOptions, startRedis } from './redis-server.ts';
export { freePorts, type RealServer } from './server-process.ts';
export {
  serverSuite,
  type ServerSuiteOptions,
  startedServerSuite,
  type StartedServerSuiteOptions,
  toolSuite,
} from './server-suite.ts';
export {
  answerJson,
  answerPieces,
  answerRecorded,
  type Play,
  type SeenRequest,
  UpstreamPlayer,
} from './upstream-player.ts';
export { Random } from './random.ts';
export { SmallDisk } from './small-disk.ts';
