import { isLoomError } from '@loom/errors';
import { parseRecord } from './json-values.ts';
import type { Pair } from './pair.ts';
import { findPair } from './pairs.ts';
import { wires } from './wires.ts';

/** How a call on the record was spoken. */
interface RecordedCall {
  /** The caller's dialect. */
  readonly dialect: string;
  /** The API of the provider's bytes; '' where it is the caller's. */
  readonly wire: string;
  readonly requestModel: string;
  /** What the ids in a translated answer are made of, as in {@link AnswerContext}; else none of them is the caller's. */
  readonly id?: string;
}

/**
 * The answer of a call on the record as one JSON value in the caller's dialect: a body as it is, a stream put together, a
 * translated answer translated again. The caller's names of tools are in its request: without it they are the provider's.
 * Null when there is nothing to put together, or the API is not known here.
 */
export function assembleAnswer(
  { dialect, wire, requestModel, id = 'recorded' }: RecordedCall,
  bytes: Buffer,
  stream: boolean,
  request: Buffer | null = null,
): Readonly<Record<string, unknown>> | null {
  const pair = wire === '' || wire === dialect ? undefined : findPair(dialect, wire);
  if (!pair)
    return wires.find(({ name }) => name === (wire === '' ? dialect : wire))?.assemble(bytes, stream) ?? null;
  const caller = { requestModel, bytes: request ?? Buffer.from('{}') };
  const context = { ...caller, id, created: 0, includeUsage: true };
  return translated(pair, bytes, stream, context) ?? (stream ? null : parseRecord(bytes.toString('utf8')));
}

// What the caller was refused because its dialect has no form for it is on the record as the provider sent it.
function translated(
  ...[pair, ...answer]: [Pair, ...Parameters<Pair['assemble']>]
): ReturnType<Pair['assemble']> {
  try {
    return pair.assemble(...answer);
  } catch (error) {
    if (isLoomError(error)) return null;
    throw error;
  }
}
