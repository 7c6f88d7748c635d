import { LoomError } from '@loom/errors';
import type { Dialect } from '@loom/providers';
import type { ModelCatalog, ModelEntry } from '../model-list.ts';

const pageMax = 1000;
const pageDefault = 20;
const googlePageDefault = 50;

/** `GET /v1/models` in the caller's dialect. OpenAI's has one page; of the others' the query chooses it. */
export function modelListOf(catalog: ModelCatalog, style: Dialect['errors'], query: URLSearchParams): object {
  switch (style) {
    case 'openai':
      return { object: 'list', data: catalog.entries.map(openAiModel) };
    case 'anthropic':
      return anthropicPage(catalog.entries, query);
    case 'google':
      return googlePage(catalog.entries, query);
  }
}

/** `GET /v1/models/{id}` in the caller's dialect. */
export function modelOf(entry: ModelEntry, style: Dialect['errors']): object {
  return { openai: openAiModel, anthropic: anthropicModel, google: googleModel }[style](entry);
}

/*
 * platform.openai.com/docs/api-reference/models: `created` in Unix seconds, 0 when it is not known. `context_length` is
 * OpenRouter's name for it.
 */
function openAiModel({ name, provider, facts }: ModelEntry): object {
  return {
    ...{ id: name, object: 'model', created: facts.created ?? 0, owned_by: provider },
    ...(facts.contextLength === null ? {} : { context_length: facts.contextLength }),
    ...(facts.shutdownDate === null ? {} : { shutdown_date: facts.shutdownDate }),
  };
}

// docs.anthropic.com/en/api/models-list: a time that is not known is that of the epoch.
function anthropicModel({ name, facts }: ModelEntry): object {
  return {
    ...{ type: 'model', id: name, display_name: facts.displayName ?? name },
    created_at: new Date((facts.created ?? 0) * 1000).toISOString().replace('.000Z', 'Z'),
    ...(facts.contextLength === null ? {} : { max_input_tokens: facts.contextLength }),
    ...(facts.shutdownDate === null ? {} : { shutdown_date: facts.shutdownDate }),
  };
}

/*
 * ai.google.dev/api/models: the name is that of the resource. Whether a model embeds is not known, so each is listed with
 * all that Loom has an endpoint for.
 */
const googleMethods = ['generateContent', 'countTokens', 'batchEmbedContents'];

function googleModel({ name, facts }: ModelEntry): object {
  return {
    ...{ name: `models/${name}`, baseModelId: facts.id, version: facts.id },
    displayName: facts.displayName ?? name,
    ...(facts.contextLength === null ? {} : { inputTokenLimit: facts.contextLength }),
    supportedGenerationMethods: googleMethods,
  };
}

// `pageSize` is 50 where it is absent, and larger ones are 1000; the token is the place of the next model.
function googlePage(entries: readonly ModelEntry[], query: URLSearchParams): object {
  const whole = (name: string, otherwise: number, min: number) => {
    const value = Number(query.get(name) || otherwise);
    if (Number.isInteger(value) && value >= min) return value;
    throw new LoomError('invalid_request', `"${name}" must be a whole number from ${min}`, { param: name });
  };
  const size = Math.min(whole('pageSize', googlePageDefault, 1), pageMax);
  const start = whole('pageToken', 0, 0);
  const next = start + size;
  return {
    models: entries.slice(start, next).map(googleModel),
    ...(next < entries.length ? { nextPageToken: String(next) } : {}),
  };
}

function anthropicPage(entries: readonly ModelEntry[], query: URLSearchParams): object {
  const limit = Number(query.get('limit') ?? pageDefault);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageMax)
    throw new LoomError('invalid_request', `"limit" must be a whole number from 1 to ${pageMax}`, {
      param: 'limit',
    });
  const after = placeOf(entries, query, 'after_id');
  const before = placeOf(entries, query, 'before_id');
  // `has_more` is told of the direction in which the pages go.
  if (after === null && before !== null) {
    const start = Math.max(0, before - limit);
    return pageOf(entries.slice(start, before), start > 0);
  }
  const start = after === null ? 0 : after + 1;
  return pageOf(entries.slice(start, start + limit), start + limit < entries.length);
}

function pageOf(page: readonly ModelEntry[], hasMore: boolean): object {
  const [first_id, last_id] = [page.at(0)?.name ?? null, page.at(-1)?.name ?? null];
  return { data: page.map(anthropicModel), has_more: hasMore, first_id, last_id };
}

function placeOf(entries: readonly ModelEntry[], query: URLSearchParams, param: string): number | null {
  const id = query.get(param);
  if (id === null) return null;
  const place = entries.findIndex(({ name }) => name === id);
  if (place >= 0) return place;
  throw new LoomError('invalid_request', `"${param}" is no model of the list`, { param });
}
