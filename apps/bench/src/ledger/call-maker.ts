import type { NewRecord } from '@loom/event-stream';
import { newUuid } from '@loom/trace-schema';

interface Template {
  readonly headers: Readonly<Record<string, string>>;
  readonly event: { readonly id: string; readonly call: { readonly callId: string } };
}

/** Makes calls of one project as one emitter would put them on the record, by the model of some that were recorded. */
export class CallMaker {
  readonly projectId: string;
  readonly #templates: readonly (readonly [Template, Template])[];
  readonly #emitter = newUuid();
  #seq = 0;
  #calls = 0;

  /** `recorded`: `call.accepted` and `call.completed` of each call, in order. */
  constructor(projectId: string, recorded: readonly NewRecord[]) {
    this.projectId = projectId;
    const byCall = Map.groupBy(recorded, ({ headers }) => headers['ce_subject'] ?? '');
    this.#templates = [...byCall.values()].flatMap(([accepted, ended]) =>
      accepted && ended ? [[templateOf(accepted), templateOf(ended)] as const] : [],
    );
  }

  /** Two records each. */
  make(calls: number): NewRecord[] {
    return Array.from({ length: calls }, () => this.#next()).flat();
  }

  #next(): NewRecord[] {
    const templates = this.#templates[this.#calls % this.#templates.length] ?? [];
    this.#calls += 1;
    const callId = newUuid();
    return templates.map((template) => this.#recordOf(template, callId));
  }

  #recordOf({ headers, event }: Template, callId: string): NewRecord {
    const [seq, emitter, projectId] = [(this.#seq += 1), this.#emitter, this.projectId];
    const id = event.id.replace(event.call.callId, callId);
    const call = { ...event.call, callId };
    return {
      key: `${projectId}/${emitter}`,
      headers: {
        ...headers,
        ...{ ce_id: id, ce_subject: callId, ce_source: emitter },
        ...{ ce_loomproject: projectId, ce_loomseq: String(seq) },
      },
      value: Buffer.from(JSON.stringify({ ...event, id, seq, emitter, projectId, call })),
    };
  }
}

function templateOf({ headers, value }: NewRecord): Template {
  return { headers, event: JSON.parse(Buffer.from(value).toString()) as Template['event'] };
}
