export { clientAddress } from './client-address.ts';
export { type ConsumerApplicationOptions, startConsumer } from './consumer-application.ts';
export { ControlFeed, type ControlFeedOptions } from './control-feed.ts';
export { DeadLetters, type DeadLettersOptions, type FaultyRecord } from './dead-letters.ts';
export { diskFault } from './disk-room.ts';
export { EventStreamClient } from './event-stream-client.ts';
export { EventStreamServer, type EventStreamServerOptions } from './event-stream-server.ts';
export {
  type HttpApplication,
  type HttpApplicationOptions,
  startHttpApplication,
} from './http-application.ts';
export { hostCookie, readHostCookie } from './host-cookie.ts';
export { internalToken, showsToken } from './internal-token.ts';
export { keyVerifier } from './key-verifier.ts';
export { openCounters, type OpenCountersOptions } from './late-counter-store.ts';
export { errorBody, LoomErrorFilter } from './loom-error.filter.ts';
export {
  isPublicAddress,
  OutboundGuard,
  type OutboundGuardOptions,
  type PortRange,
} from './outbound-guard.ts';
export {
  Caller,
  PermissionGuard,
  RequirePermission,
  SessionToken,
  SignedIn,
  StillAllowed,
} from './permission.guard.ts';
export {
  type KeyIdentity,
  keyPrincipal,
  type Person,
  type Principal,
  reachesOrganization,
  reachesProject,
  type SessionAccess,
  sessionPrincipal,
  VERIFY_KEY,
  VERIFY_SESSION,
  type VerifyKey,
  type VerifySession,
} from './principal.ts';
export { type Needs, readiness } from './readiness.ts';
export { endStart, runProcess, type RunningProcess } from './run-process.ts';
export { openServiceStream } from './service-stream.ts';
export { clearedSessionCookie, sessionCookie } from './session-cookie.ts';
export { isExpectedFault, startFault } from './start-fault.ts';
