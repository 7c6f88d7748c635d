import { LoomError } from '@loom/errors';

/**
 * Throws `invalid_request` that names the member when a text in the value, or the name of a member, has what no store keeps:
 * NUL, or half of a surrogate pair.
 */
export function assertStorable(value: unknown, path: readonly string[] = []): void {
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) throw notStorable(path);
  } else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) assertStorable(item, [...path, String(at)]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      assertStorable(name, path);
      assertStorable(item, [...path, name]);
    }
  }
}

function notStorable(path: readonly string[]): LoomError {
  const param = path.join('.').toWellFormed();
  const message = `${param || 'body'}: a text holds NUL or half of a surrogate pair; leave it out`;
  return new LoomError('invalid_request', message, { param });
}
