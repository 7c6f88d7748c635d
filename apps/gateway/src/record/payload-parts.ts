import type { PayloadPart } from '@loom/trace-schema';
import type { Emitter } from './emitter.ts';
import type { EncodedPayload } from './payload.ts';

export interface PartOwner {
  readonly callId: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly projectId: string;
}

/** Writes the parts of a payload that is too large for its event; they must come before that event. */
export function emitParts(
  emitter: Emitter,
  owner: PartOwner,
  part: PayloadPart,
  encoded: EncodedPayload,
): void {
  const { projectId, ...call } = owner;
  for (const [index, slice] of encoded.parts.entries()) {
    const draft = {
      id: `${call.callId}/${part}/${index}`,
      type: 'call.part',
      projectId,
      subject: call.callId,
      fields: { ...call, part, index, data: slice.toString('base64') },
    };
    void emitter.emit(draft, { essential: part === 'response' || index > 0 });
  }
}
