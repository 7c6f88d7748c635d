import { join } from 'node:path';
import { listPartitions, readPartition, type StreamRecord } from '@loom/event-stream';
import type { ControlSnapshot } from '@loom/routing';
import { CallEnded, eventReader, readEventOf, topics } from '@loom/trace-schema';
import type { StoredResponses } from './stored-responses.ts';

const endedTypes = new Set(['loom.call.completed', 'loom.call.aborted', 'loom.call.interrupted']);
const readEnded = eventReader(CallEnded);
const dialect = Buffer.from('"dialect":"openai-responses"');

/**
 * Finds in the embedded stream where responses are, for a counter store that begins empty with every start. Returns how
 * many were found. Providers are known by name on the record: one that was renamed since is not found again.
 */
export async function rebuildStoredResponses(
  root: string,
  responses: StoredResponses,
  snapshot: ControlSnapshot,
): Promise<number> {
  let found = 0;
  for (const partition of await listPartitions(root, topics.traces)) {
    for await (const record of readPartition(join(root, topics.traces, partition)))
      found += (await keep(record, responses, snapshot)) ? 1 : 0;
  }
  return found;
}

async function keep(
  { headers, value }: StreamRecord,
  responses: StoredResponses,
  snapshot: ControlSnapshot,
): Promise<boolean> {
  if (!endedTypes.has(headers.ce_type ?? '') || !Buffer.from(value).includes(dialect)) return false;
  const ended = readEventOf(readEnded, Buffer.from(value));
  if (ended?.facts.operation !== 'chat' || ended.facts.wire !== undefined) return false;
  const { call, facts, responseId, projectId, attempts } = ended;
  const provider = snapshot.providers(call.organizationId).find(({ name }) => name === facts.provider);
  if (!provider || responseId === null) return false;
  const keyIndex = attempts.at(-1)?.keyIndex ?? 0;
  await responses.keep(projectId, responseId, {
    target: { provider, model: facts.routedModel },
    keyIndex,
    background: facts.parameters.background === true,
  });
  return true;
}
