import { hash } from 'node:crypto';

/** What the ids of tool calls look like that an API takes. */
export interface ToolIdRule {
  readonly pattern: RegExp;
  /** Begins an id that is made; '' where ids are too short for one. */
  readonly prefix: string;
  /** Of an id that is made. */
  readonly length: number;
}

/** An id that the API takes: the caller's own where it fits, else one that the same id always gets. */
export function fitToolId(id: string, rule: ToolIdRule | null): string {
  if (rule === null || rule.pattern.test(id)) return id;
  return (rule.prefix + hash('sha256', id, 'hex')).slice(0, rule.length);
}

const escaped = 'toolu_loom_';

/**
 * An id for a caller whose API allows letters, digits, `_` and `-` alone (Anthropic's). Another provider's id is written
 * so that {@link unescapeToolId} finds it again when the caller sends it back.
 */
export function escapeToolId(id: string): string {
  if (/^[a-zA-Z0-9_-]+$/.test(id) && !id.startsWith(escaped)) return id;
  return escaped + Buffer.from(id).toString('base64url');
}

/** The provider's id of a call that its caller knows by an escaped one. */
export function unescapeToolId(id: string): string {
  if (!id.startsWith(escaped)) return id;
  return Buffer.from(id.slice(escaped.length), 'base64url').toString('utf8');
}
