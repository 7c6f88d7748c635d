import { parseExactJson } from '@loom/trace-schema';
import { record, text } from '../json-values.ts';
import { type ModelRequest, withMember } from '../model-request.ts';

/** An item of an answer that a caller may name by its id instead of sending it. */
export type ResponseItem = Readonly<Record<string, unknown>>;

/**
 * Ids of the items that a request of the Responses API names instead of sending them, in their order.
 * Grammar: `input: ( { type?: item_reference, id } | … )[]`. Source: OpenAI's API reference, "Create a model response".
 */
export function itemReferencesOf({ input }: Readonly<Record<string, unknown>>): readonly string[] {
  return Array.isArray(input) ? input.flatMap((item) => referenceOf(item) ?? []) : [];
}

/** The request with items in the place of the references that name them; a null takes the reference out. Others stay. */
export function withItems(
  request: ModelRequest,
  items: ReadonlyMap<string, ResponseItem | null>,
): ModelRequest {
  const place = request.members.members.get('input');
  if (!place || items.size === 0) return request;
  const said = request.bytes.toString('utf8', place.valueStart, place.valueEnd);
  const input = (parseExactJson(said) as unknown[]).flatMap((item) => {
    const id = referenceOf(item);
    const found = id === null ? undefined : items.get(id);
    return found === undefined ? [item] : found === null ? [] : [found];
  });
  return withMember(request, 'input', JSON.stringify(input));
}

function referenceOf(item: unknown): string | null {
  const { type = null, id, role, ...rest } = record(item) ?? {};
  const isReference =
    type === 'item_reference' || (type === null && role === undefined && !('content' in rest));
  return isReference ? text(id) : null;
}
