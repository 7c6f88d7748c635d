import { LoomError } from '@loom/errors';
import { type Dialect, dialectOf, dialects, type PathRequest } from '@loom/providers';
import { dialectByVerb, splitUrl } from './dialect/dialect-paths.ts';
import { findStoredResponse, type StoredResponseCall } from './stored-responses.ts';

/** What answers a path. */
export interface FoundEndpoint {
  readonly path: string;
  readonly query: string;
  readonly allowed: readonly string[];
  readonly dialect: Dialect | null;
  readonly stored: StoredResponseCall | null;
  /** What the path states of the request, in dialects that state it there. */
  readonly pathRequest: PathRequest | null;
  /** Set for the list of models, and for one of them by its name. */
  readonly models: { readonly id: string | null } | null;
}

const dialectByPath = new Map(dialects.map((dialect) => [dialect.path, dialect]));
const responses = dialectOf('openai-responses');
/** The versions of Google's API, which its clients choose between; `/v1` is also that of the others. */
const version = /^\/v1(?:alpha|beta)?(?=\/)/;
const modelPath = /^\/v1(?:alpha|beta)?\/models(?:\/(.*))?$/s;

/** Returns what answers a path, as it stands or as {@link plainPath} understands it. Throws `not_found`. */
export function findEndpoint(method: string, url: string): FoundEndpoint {
  const { path, query } = splitUrl(url);
  const found = endpointOf(method, path, query) ?? endpointOf(method, plainPath(path), query);
  if (found) return found;
  throw new LoomError('not_found', `unknown request URL: ${method} ${path.slice(0, 200)}`, {
    reason: 'unknown_url',
  });
}

function endpointOf(method: string, path: string, query: string): FoundEndpoint | null {
  const plain = { path, query, dialect: null, stored: null, pathRequest: null, models: null };
  const dialect = dialectByPath.get(path);
  if (dialect) return { ...plain, allowed: ['POST'], dialect };
  const named = namedEndpoint(path);
  if (named) return { ...plain, ...named };
  const found = findStoredResponse(method, path, query);
  return found && { ...plain, dialect: responses, ...found };
}

/** The endpoint of a path that names a model, or the list of them. Throws `invalid_request`. */
function namedEndpoint(
  path: string,
): Pick<FoundEndpoint, 'allowed' | 'dialect' | 'pathRequest' | 'models'> | null {
  const found = modelPath.exec(path);
  if (!found) return null;
  const reads = { allowed: ['GET', 'HEAD'], dialect: null, pathRequest: null };
  const [, name] = found;
  if (name === undefined) return { ...reads, models: { id: null } };
  if (name === '') return null;
  const id = decoded(name);
  // The name of a model may have a colon of its own.
  const at = id.lastIndexOf(':');
  const verb = id.slice(at + 1);
  const meant = dialectByVerb.get(verb);
  if (at < 1 || !meant) return { ...reads, models: { id } };
  const pathRequest = { model: id.slice(0, at), stream: meant.stream, verb };
  return { allowed: ['POST'], dialect: meant.dialect, pathRequest, models: null };
}

/** The name of a model in a path, with the slashes that it has. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new LoomError('invalid_request', 'the model in the path is not percent-encoded as it should be', {
      param: 'model',
    });
  }
}

/**
 * A path as it was meant by a base URL with a slash too many, with a version although the client adds one, or without it
 * although the client does not. Of several versions the last is the client's.
 */
function plainPath(path: string): string {
  let rest = path.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
  let last = '/v1';
  for (let found = version.exec(rest); found; found = version.exec(rest)) {
    last = found[0];
    rest = rest.slice(last.length);
  }
  return last + rest;
}

/** The name of an endpoint for telemetry: no ids in it, and '' for a path that is none of ours. */
export function endpointName(url: string): string {
  const { path } = splitUrl(url);
  if (dialectByPath.has(path)) return path;
  const [, api = ''] = /^(\/v1(?:alpha|beta)?\/models)(?:\/|$)/.exec(path) ?? [];
  if (api === path && api !== '') return path;
  const verb = path.slice(path.lastIndexOf(':') + 1);
  if (api !== '') return dialectByVerb.has(verb) ? `${api}/{id}:${verb}` : `${api}/{id}`;
  return path.startsWith(`${responses.path}/`) ? `${responses.path}/{id}` : '';
}
