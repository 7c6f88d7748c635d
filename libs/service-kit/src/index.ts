export {
  ApiKeyGuard,
  Caller,
  type Principal,
  RequireScope,
  VERIFY_KEY,
  type VerifyKey,
} from './api-key.guard.ts';
export { type ConsumerApplicationOptions, startConsumer } from './consumer-application.ts';
export { ControlFeed, type ControlFeedOptions } from './control-feed.ts';
export { EventStreamServer, type EventStreamServerOptions } from './event-stream-server.ts';
export {
  type HttpApplication,
  type HttpApplicationOptions,
  startHttpApplication,
  type ClientFault,
} from './http-application.ts';
export { errorBody, LoomErrorFilter } from './loom-error.filter.ts';
export { isPublicAddress, OutboundGuard, type OutboundGuardOptions } from './outbound-guard.ts';
export { runProcess, type RunningProcess } from './run-process.ts';
