export { callEvents, inline, startTime } from './call-events.ts';
export { Rewriter, type Rewrite, type StoredColumn } from './rewriter.ts';
export { batchOf, spanRow } from './rows.ts';
