import type { LiveEvent } from './live.ts';

/** The kinds of live events that this version knows. */
export const liveEventTypes: readonly LiveEvent['type'][] = [
  'call.accepted',
  'call.first-chunk',
  'call.ended',
  'call.refused',
  'cost.computed',
  'events.dropped',
];
