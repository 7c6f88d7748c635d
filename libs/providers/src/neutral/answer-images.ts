import { record, records, text } from '../json-values.ts';
import type { NeutralImage } from './neutral-request.ts';
import { sourceOf } from './request-builder.ts';

/*
 * Images that a model of the chat API answers with, in OpenRouter's form (its documentation: "Image generation"), which
 * others have taken over; a message or delta has them beside its content:
 *
 *   images: { type: image_url, image_url: { url: data:… } }[]
 */
export function readImages(value: unknown): NeutralImage[] {
  return records(value).flatMap((part) => {
    const url = text(record(part.image_url)?.url) ?? text(part.image_url);
    return url === null ? [] : [{ type: 'image', source: sourceOf(url) }];
  });
}
