export { type RecordedCase, recordedChatCases } from './recorded.ts';
