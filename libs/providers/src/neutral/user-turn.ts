import type { NeutralRequest } from './neutral-request.ts';

/**
 * Returns the request with a turn of the user's. APIs whose system text is no message refuse a conversation without
 * messages ("A conversation must start with a user message", "contents is not specified"): then the user says it.
 */
export function withUserTurn(request: NeutralRequest): NeutralRequest {
  if (request.messages.length > 0 || request.system.length === 0) return request;
  return { ...request, system: [], messages: [{ role: 'user', content: request.system }] };
}
