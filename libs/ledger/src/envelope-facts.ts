import { factTableOf } from '@loom/trace-schema/stored-columns';
import { type Envelope, isClipOf } from './envelope.ts';

/** What is stored or shown of an event, by the fields of its row; those that are not known are absent. */
export type ShownRow = Readonly<Record<string, unknown>>;

const outcomes: Readonly<Record<string, string>> = {
  'call.completed': 'completed',
  'call.failed': 'failed',
  'call.aborted': 'aborted',
  'call.interrupted': 'interrupted',
  'call.refused': 'refused',
};

/** Returns the fields of a row that are not what the envelope of its event says, figures apart (`compareFigures`). */
export function differingFields(envelope: Envelope, row: ShownRow): string[] {
  const { kind, provider, model, bytes = {}, reason, priceBook, time } = envelope;
  const outcome = outcomes[kind];
  const same = (field: string, value: unknown) => value === undefined || row[field] === value;
  const clipped = (name: string | undefined, field: string) =>
    name === undefined || isClipOf(name, textOf(row[field]));
  const holds: Readonly<Record<string, boolean>> = {
    projectId: same('projectId', envelope.project),
    ...{ callId: same('callId', envelope.callId), traceId: same('traceId', envelope.traceId) },
    ...{ spanId: same('spanId', envelope.spanId), keyId: same('keyId', envelope.keyId) },
    ...{ emitter: same('emitter', envelope.emitter), seq: same('seq', envelope.seq) },
    ...{ provider: same('provider', provider), status: same('status', envelope.status) },
    ...(outcome === undefined ? {} : { outcome: same('outcome', outcome) }),
    ...(kind === 'call.accepted' ? { requestLength: same('requestLength', bytes['request']) } : {}),
    ...(outcome === undefined ? {} : { responseLength: same('responseLength', bytes['response'] ?? 0) }),
    [factTableOf(kind) === 'costs' ? 'id' : 'eventId']: same(
      factTableOf(kind) === 'costs' ? 'id' : 'eventId',
      envelope.id,
    ),
    ...modelHolds(kind, model, row),
    ...(kind === 'call.refused' ? { errorType: clipped(reason, 'errorType') } : {}),
    ...(kind === 'cost.computed'
      ? {
          // The leaf of a whole price has no reason; a cached answer's row has one, and a reported one.
          reason: reason === undefined || row['reason'] === reason,
          priceBookVersion: clipped(priceBook, 'priceBookVersion'),
          time: row['time'] === undefined || textOf(row['time']).slice(0, -6) === String(time),
          state: same('state', stateOfCost(envelope)),
        }
      : {}),
    ...(factTableOf(kind) === 'capture_events' ? { type: same('type', kind) } : {}),
  };
  return Object.keys(holds).filter((field) => field in row && holds[field] === false);
}

/** A price with a reason is one of which a part is not known. */
function stateOfCost({ costNanoUsd, reason }: Envelope): string {
  if (costNanoUsd === undefined) return 'unpriced';
  return reason === undefined ? 'priced' : 'partial';
}

/** The model that answered, else the one that was asked. */
function modelHolds(kind: string, model: string | undefined, row: ShownRow): Record<string, boolean> {
  if (model === undefined || model === '') return {};
  if (kind === 'call.refused') return { requestModel: isClipOf(model, textOf(row['requestModel'])) };
  const answered = textOf(row['responseModel']);
  const field = kind === 'call.accepted' || answered === '' ? 'routedModel' : 'responseModel';
  return { [field]: isClipOf(model, textOf(row[field])) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** When the call of a leaf began, by the time in its id: what retention takes it by. Unix milliseconds. */
export function beganMs({ callId = '', time }: Pick<Envelope, 'callId' | 'time'>): number {
  const isTimed = /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(callId);
  return isTimed ? Math.min(time, parseInt(callId.slice(0, 8) + callId.slice(9, 13), 16)) : time;
}
