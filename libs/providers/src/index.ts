export { type AnswerFacts, policyFinishReasons } from './answer-facts.ts';
export { type AnswerForm, formOf } from './answer-form.ts';
export { type Dialect, type DialectName, dialectOf, dialects } from './dialects.ts';
export { completedUsage, estimateUsage, splitByDensity } from './estimate.ts';
export { framingOf } from './framing.ts';
export { jsonDepthMax } from './json-members.ts';
export {
  type ModelRequest,
  type PathRequest,
  readModelRequest,
  requestForProvider,
  requestWithoutBody,
} from './model-request.ts';
export { type AnswerContext, type WireEvent } from './neutral/halves.ts';
export { adaptChatBody } from './openai-chat/adapt-chat-body.ts';
export { EventGate } from './openai-chat/event-gate.ts';
export { type Pair, type StreamTranslation, type UnsupportedPolicy } from './pair.ts';
export { findPair } from './pairs.ts';
export {
  credentialHeader,
  type Endpoint,
  endpointOf,
  joinPath,
  profileOf,
  providerKinds,
  type ProviderProfile,
} from './profiles.ts';
export { isContextOverflow, type ProviderError, readErrorBody, statusOfError } from './provider-error.ts';
export {
  type SimulatedAnswer,
  simulateChat,
  simulateCompletion,
  simulateEmbeddings,
  simulatorModel,
} from './simulator.ts';
export { assembleAnswer } from './recorded-answer.ts';
export { type ResponseItem, withItems } from './openai-responses/item-references.ts';
export { answerTextOf, readStreamEvents, streamFactsOf, type Wire, wireOf } from './wires.ts';
export { type ListedModel, readModelList } from './model-list.ts';
