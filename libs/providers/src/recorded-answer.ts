import { parseRecord } from './json-values.ts';
import { findPair } from './pairs.ts';
import { wires } from './wires.ts';

/** How a call on the record was spoken. */
interface RecordedCall {
  /** The caller's dialect. */
  readonly dialect: string;
  /** The API of the provider's bytes; '' where it is the caller's. */
  readonly wire: string;
  readonly requestModel: string;
}

/**
 * The answer of a call on the record as one JSON value in the caller's dialect: a body as it is, a stream put together, a
 * translated answer translated again. Null when there is nothing to put together, or the API is not known here.
 */
export function assembleAnswer(
  { dialect, wire, requestModel }: RecordedCall,
  bytes: Buffer,
  stream: boolean,
): Readonly<Record<string, unknown>> | null {
  const pair = wire === '' || wire === dialect ? undefined : findPair(dialect, wire);
  if (!pair)
    return wires.find(({ name }) => name === (wire === '' ? dialect : wire))?.assemble(bytes, stream) ?? null;
  const context = { requestModel, id: 'recorded', created: 0, includeUsage: true, bytes: Buffer.from('{}') };
  return pair.assemble(bytes, stream, context) ?? (stream ? null : parseRecord(bytes.toString('utf8')));
}
