import { LoomError } from '@loom/errors';
import type { Dialect } from '@loom/providers';
import type { ModelCatalog, ModelEntry } from '../model-list.ts';

const pageMax = 1000;
const pageDefault = 20;

/** `GET /v1/models` in the caller's dialect. OpenAI's has one page; of Anthropic's the query chooses it. */
export function modelListOf(catalog: ModelCatalog, style: Dialect['errors'], query: URLSearchParams): object {
  return style === 'anthropic'
    ? anthropicPage(catalog.entries, query)
    : { object: 'list', data: catalog.entries.map(openAiModel) };
}

/** `GET /v1/models/{id}` in the caller's dialect. */
export function modelOf(entry: ModelEntry, style: Dialect['errors']): object {
  return style === 'anthropic' ? anthropicModel(entry) : openAiModel(entry);
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
