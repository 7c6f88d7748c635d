export { generatedSection } from './generated-section.ts';
export { type RecordedCase, recordedChatCases } from './recorded.ts';
export { serverSuite, type ServerSuiteOptions } from './server-suite.ts';
export {
  answerJson,
  answerPieces,
  answerRecorded,
  type Play,
  type SeenRequest,
  UpstreamPlayer,
} from './upstream-player.ts';
