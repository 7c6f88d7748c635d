export { batchOf, spanRow } from './rows.ts';
