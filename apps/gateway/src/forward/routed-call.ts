import type { AttemptPlan, PlannedAttempt, Route } from '@loom/routing';
import type { AttemptSource, PreparedAttempt } from './prepare-attempt.ts';

/** The ways that a call may go, and the first of them ready to be sent. */
export interface RoutedCall {
  readonly route: Route;
  readonly plan: AttemptPlan;
  readonly source: AttemptSource;
  readonly planned: PlannedAttempt;
  readonly prepared: PreparedAttempt;
}
