import type { LoomError } from '@loom/errors';
import { newUuid, systemProjectId } from '@loom/trace-schema';
import type { Call } from '../call.ts';
import { errorTypeOf } from '../dialect/openai-errors.ts';
import { identityOf } from './call-recorder.ts';
import { type Emitter, unixNanos } from './emitter.ts';
import { errorWithoutContent } from './without-content.ts';

export interface RefusalRecorderOptions {
  readonly emitter: Emitter;
  /** Records kept per key before counting begins, and how many a second come back. */
  readonly burst: number;
  readonly perSecond: number;
  /** How often counts are written. Milliseconds. */
  readonly summaryMs: number;
}

interface Allowance {
  tokens: number;
  at: number;
}

/** Keys with an allowance that are remembered; the oldest is forgotten first. */
const allowancesMax = 10_000;

/**
 * Puts refusals on the record: before a project is known by reason only, once per summary; later as one event without
 * a body each, as many as the key's allowance permits, the rest counted. Nothing here is waited for.
 */
export class RefusalRecorder {
  readonly #options: RefusalRecorderOptions;
  readonly #allowances = new Map<string, Allowance>();
  /** Counts by `project\0key`, then by reason. */
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: RefusalRecorderOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.summarize(), options.summaryMs);
  }

  record(call: Call, error: LoomError): void {
    const reason = errorTypeOf(error);
    const { key } = call;
    if (!key) return this.#count(systemProjectId, '', reason);
    if (!this.#allowed(key.id)) return this.#count(key.projectId, key.id, reason);
    const told = { type: reason, message: error.message.slice(0, 1000), code: error.code };
    try {
      void this.#options.emitter.emit({
        id: `${call.id}/refused`,
        type: 'call.refused',
        projectId: key.projectId,
        subject: call.id,
        fields: {
          call: identityOf(call),
          operation: call.operation,
          dialect: call.dialect?.name ?? '',
          requestModel: call.modelRequest?.model ?? '',
          status: error.status,
          error: call.project?.content === 'sealed' ? errorWithoutContent(told) : told,
          startTime: unixNanos(call.startTimeMs),
          durationNanos: Math.round((performance.now() - call.startedAt) * 1e6),
        },
      });
    } catch {
      this.#count(key.projectId, key.id, reason);
    }
  }

  /** Writes the counts since the summary before. */
  summarize(options: { readonly essential?: boolean } = {}): void {
    for (const [id, counts] of this.#counts) {
      const [projectId = systemProjectId, keyId = ''] = id.split('\0');
      try {
        const draft = {
          id: `refusals/${newUuid()}`,
          type: 'capture.refusals',
          projectId,
          subject: this.#options.emitter.id,
          fields: { keyId: keyId === '' ? null : keyId, counts: Object.fromEntries(counts) },
        };
        void this.#options.emitter.emit(draft, options);
        this.#counts.delete(id);
      } catch {
        return; // no room; the counts wait
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.summarize({ essential: true });
  }

  #allowed(keyId: string): boolean {
    const now = performance.now();
    const { burst, perSecond } = this.#options;
    const known = this.#allowances.get(keyId);
    const allowance = known ?? { tokens: burst, at: now };
    allowance.tokens = Math.min(burst, allowance.tokens + ((now - allowance.at) / 1000) * perSecond);
    allowance.at = now;
    if (!known) {
      const [oldest] = this.#allowances.keys();
      if (oldest !== undefined && this.#allowances.size >= allowancesMax) this.#allowances.delete(oldest);
      this.#allowances.set(keyId, allowance);
    }
    if (allowance.tokens < 1) return false;
    allowance.tokens -= 1;
    return true;
  }

  #count(projectId: string, keyId: string, reason: string): void {
    const id = `${projectId}\0${keyId}`;
    const counts = this.#counts.get(id) ?? new Map<string, number>();
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
    this.#counts.set(id, counts);
  }
}
