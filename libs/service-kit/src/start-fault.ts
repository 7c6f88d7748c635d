import { isLoomError, messageOf } from '@loom/errors';

const otherDirectory = 'use another directory, or change its owner or mode';
const freeSpace = 'the disk is full; free some space';

/** What is wrong with a path, by the code of the operating system, and what to do. */
const pathFaults: Readonly<Record<string, string>> = {
  EACCES: `this user may not use it; ${otherDirectory}`,
  EPERM: `this user may not use it; ${otherDirectory}`,
  EROFS: 'the file system is read-only; mount it writable, or use another directory',
  ENOENT: 'it does not exist, or cannot be made; make it, or use another one',
  ENOTDIR: 'a part of the path is a file where a directory is needed; use another directory',
  EEXIST: 'it is a file where a directory is needed; use another directory',
  EISDIR: 'it is a directory where a file is needed; move it away',
  ENOSPC: freeSpace,
  EDQUOT: freeSpace,
};

/** Returns why a process did not start and what to do about it: one sentence, without a stack. */
export function startFault(error: unknown): string {
  const text = pathFaultOf(error) ?? messageOf(isExpectedFault(error) ? error : causeOf(error));
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** True when {@link startFault} says everything: the stack of such an error helps nobody. */
export function isExpectedFault(error: unknown): boolean {
  return pathFaultOf(error) !== null || (isLoomError(error) && error.code !== 'internal');
}

function pathFaultOf(error: unknown): string | null {
  const { code, path } = Object(error) as { readonly code?: unknown; readonly path?: unknown };
  const fault = pathFaults[String(code)];
  if (fault === undefined) return null;
  if (typeof path === 'string') return `${path}: ${fault} (${String(code)})`;
  return fault === freeSpace ? `${fault} (${String(code)})` : null; // a write names no path
}

const causeOf = (error: unknown): unknown => (Object(error) as { readonly cause?: unknown }).cause ?? error;
