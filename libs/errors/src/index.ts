export { errorCodes, type ErrorCode } from './codes.ts';
export { isLoomError, LoomError, type LoomErrorOptions, messageOf, toLoomError } from './loom-error.ts';
