export { estimateUsage, splitByDensity } from './estimate.ts';
export { jsonDepthMax } from './json-members.ts';
export {
  answerText,
  assembleAnswer,
  type AnswerFacts,
  readAnswerFacts,
  readTailUsage,
} from './openai-chat/chat-answer.ts';
export { type ChatRequest, chatRequestForProvider, readChatRequest } from './openai-chat/chat-request.ts';
export { readChatUsage } from './openai-chat/chat-usage.ts';
export { EventGate } from './openai-chat/event-gate.ts';
export { profileOf, providerKinds, type ProviderProfile } from './profiles.ts';
export { type SimulatedAnswer, simulateChat, simulatorModel } from './simulator.ts';
