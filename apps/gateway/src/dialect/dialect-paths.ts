import { dialects } from '@loom/providers';

/** Dialects whose path names the model, by the verb after it; `stream`: whether the verb asks for a stream. */
export const dialectByVerb = new Map(
  dialects.flatMap((dialect) =>
    Object.entries(dialect.verbs ?? {}).map(([verb, { stream }]) => [verb, { dialect, stream }] as const),
  ),
);

export function splitUrl(url: string): { path: string; query: string } {
  const at = url.indexOf('?');
  return at < 0 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at + 1) };
}

/** Whether a URL is one that only clients of Google's API ask for. */
export function isGoogleUrl(url: string): boolean {
  const { path } = splitUrl(url);
  return /\/v1(?:alpha|beta)(?:\/|$)/.test(path) || dialectByVerb.has(path.slice(path.lastIndexOf(':') + 1));
}
