export {
  type AttemptFailure,
  AttemptPlan,
  type AttemptReason,
  type FailureKind,
  type PlannedAttempt,
  targetKey,
} from './attempt-plan.ts';
export { Breakers } from './breakers.ts';
export { ControlSnapshot, type ControlSnapshotFile } from './control-snapshot.ts';
export { resolveModel, resolveRoute, type Route, type Target } from './resolve-model.ts';
