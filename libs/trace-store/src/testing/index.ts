export { callEvents, inline, startTime } from './call-events.ts';
export { batchOf, spanRow } from './rows.ts';
