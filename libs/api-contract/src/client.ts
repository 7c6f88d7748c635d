import type * as z from 'zod';
import { LiveEvent } from './live.ts';
import {
  type AnswerReader,
  createPlainClient,
  type LoomClient,
  type LoomClientOptions,
  unknownAnswer,
} from './plain-client.ts';
import { routes } from './routes.ts';

const checked: AnswerReader = {
  json: (name, answer) => {
    const { path, response } = routes[name];
    const parsed = (response as z.ZodType).safeParse(answer);
    if (parsed.success) return parsed.data;
    throw unknownAnswer(path, parsed.error);
  },
  // A newer server may send kinds that are not known here.
  event: (event) => LiveEvent.safeParse(event).data ?? null,
};

/** A client that checks each answer against the route's schema, and leaves out what it does not know. */
export function createLoomClient(options: LoomClientOptions): LoomClient {
  return createPlainClient(options, checked);
}
