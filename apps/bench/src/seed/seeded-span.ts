import { createHash } from 'node:crypto';
import { type CallAttempt, type Outcome, type TokenBuckets } from '@loom/trace-schema';
import { previewLengthMax, type SpanRow } from '@loom/trace-store';
import { contentOf, type SpanContent } from './content.ts';
import { answer, question } from './phrases.ts';
import type { Random } from './random.ts';
import type { Feature, SeedModel } from './world.ts';

/** What all spans of a trace have in common. */
export interface TraceFrame {
  readonly organizationId: string;
  readonly projectId: string;
  readonly keyId: string;
  readonly traceId: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly environment: string;
  readonly release: string;
  readonly region: string;
  readonly feature: Feature;
  readonly workflow: string;
  /** Providers fail and are slow. */
  readonly incident: boolean;
  /** Spans carry requests and answers. */
  readonly recorded: boolean;
}

export interface SpanOptions {
  readonly operation: string;
  readonly parentSpanId: string;
  /** Unix microseconds. */
  readonly startMicros: number;
  /** Null for what calls no model. */
  readonly model: SeedModel | null;
  readonly tool?: string;
  readonly agent?: string;
  /** Input of a chat beyond its first turn: agents repeat what was said. */
  readonly contextTokens?: number;
  readonly text?: string | Buffer;
  /** Never fails: for spans whose children were made already. */
  readonly steady?: boolean;
}

export interface SeededSpan {
  readonly row: SpanRow;
  readonly content: SpanContent | null;
}

interface Fate {
  readonly outcome: Outcome;
  readonly status: number;
  readonly error: { readonly type: string; readonly message: string; readonly code: string };
  readonly attempts: number;
  readonly finishReason: string;
}

const nothingWrong = { type: '', message: '', code: '' };
const emitter = '01890a5d-ac96-774b-bcce-5eed5eed5eed';
const noTokens: TokenBuckets = {
  inputUncached: 0, cacheRead: 0, cacheWrite: 0, inputAudio: 0, outputText: 0, reasoning: 0, outputAudio: 0,
}; // prettier-ignore

/** Makes the spans of one run, with the numbers of its sequence. */
export class SpanMaker {
  readonly #random: Random;
  #seq = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  make(frame: TraceFrame, options: SpanOptions): SeededSpan {
    const random = this.#random;
    const { model } = options;
    const fate = this.#fateOf(frame, options);
    const stream = options.operation === 'chat' && random.chance(0.72);
    const failed = fate.outcome === 'failed' || fate.outcome === 'refused';
    const tokens = model && !failed ? this.#tokensOf(model, options) : noTokens;
    const output = tokens.outputText + tokens.reasoning;
    const slow = frame.incident ? 4 : 1;
    const firstMs = (model ? random.around(model.firstChunkMs, 0.35) : random.around(45, 0.8)) * slow;
    const wholeMs = failed
      ? fate.outcome === 'refused' ? 0.4 + random.unit() * 2 : fate.error.type === 'timeout' ? 30_000 + random.unit() * 40 : random.around(260, 0.5)
      : firstMs + (model ? (output / model.tokensPerSecond) * 1000 : 0); // prettier-ignore
    const durationMs = wholeMs + (fate.attempts > 1 ? random.around(900, 0.4) : 0);
    const content = frame.recorded ? this.#contentOf(frame, options, { fate, stream, tokens, failed }) : null;
    const callId = random.uuid(options.startMicros / 1000);
    const responseLength = content ? (content.response?.length ?? 0) : failed ? 140 : 320 + output * 5;
    const chunks =
      stream && !failed ? this.#chunksOf(content, output, firstMs, wholeMs) : { at: [], lengths: [] };
    const row: SpanRow = {
      ...this.#whoOf(frame, options),
      spanId: random.hex(16),
      callId,
      startTime: `${options.startMicros}${String(random.int(0, 999)).padStart(3, '0')}`,
      operation: options.operation,
      dialect: model ? 'openai-chat' : '',
      provider: model?.provider ?? '',
      providerKind: model?.provider ?? '',
      requestModel: model?.model ?? '',
      routedModel: model?.model ?? '',
      wire: '',
      route: '',
      cache: '',
      dropped: [],
      lostFacts: [],
      stream,
      capture: 'strict',
      parameters: options.operation === 'chat' ? { temperature: '0.2', max_tokens: String(random.pick([512, 1024, 4096])) } : {},
      inputPreview: (content?.lastUserText ?? question(random, frame.feature.name)).slice(0, previewLengthMax),
      requestLength: content?.request.length ?? 400 + tokens.inputUncached * 4,
      requestHash: content ? sha256(content.request) : random.hex(64),
      eventId: `${callId}/end`,
      emitter,
      seq: (this.#seq += 1),
      durationNanos: Math.round(durationMs * 1e6),
      timeToFirstChunkNanos: stream && !failed ? Math.round(firstMs * 1e6) : null,
      gatewayOverheadNanos: model ? Math.round(random.around(0.42, 0.5) * 1e6) : 0,
      outcome: fate.outcome,
      status: fate.status,
      errorType: fate.error.type,
      errorMessage: fate.error.message,
      errorCode: fate.error.code,
      responseModel: model && !failed ? model.answersAs : '',
      responseId: model && !failed ? `chatcmpl-${random.hex(24)}` : '',
      finishReasons: model && fate.outcome === 'completed' && options.operation === 'chat' ? [fate.finishReason] : [],
      serviceTier: model?.provider === 'openai' && !failed ? 'default' : '',
      systemFingerprint: '',
      tokens,
      usageSource: model && !failed ? 'provider' : 'none',
      usageConsistent: true,
      usageDetails: {},
      outputPreview: (failed ? '' : content ? content.responseText : answer(random)).slice(0, previewLengthMax),
      responseLength,
      responseHash: content?.response ? sha256(content.response) : random.hex(64),
      deliveredBytes: fate.outcome === 'aborted' ? Math.floor(responseLength / 2) : responseLength,
      chunkAtMicros: chunks.at,
      chunkLengths: chunks.lengths,
      attempts: model ? this.#attemptsOf(model, fate, options.startMicros, durationMs) : [],
    }; // prettier-ignore
    return { row, content };
  }

  #whoOf(frame: TraceFrame, options: SpanOptions) {
    const { feature, region } = frame;
    return {
      organizationId: frame.organizationId,
      projectId: frame.projectId,
      traceId: frame.traceId,
      parentSpanId: options.parentSpanId,
      keyId: frame.keyId,
      sessionId: frame.sessionId,
      userId: frame.userId,
      environment: frame.environment,
      release: frame.release,
      agentName: options.agent ?? '',
      agentVersion: options.agent ? '3' : '',
      workflowName: frame.workflow,
      promptName: options.operation === 'chat' ? feature.prompt : '',
      promptVersion: options.operation === 'chat' ? '7' : '',
      metadata: {
        region,
        team: feature.team,
        feature: feature.name,
        ...(options.tool && { tool: options.tool }),
      },
      links: [],
      rolloutName: '',
      rolloutArm: '',
      rolloutSeed: '',
      rolloutUnit: '',
    };
  }

  #fateOf(frame: TraceFrame, options: SpanOptions): Fate {
    const random = this.#random;
    const finishReason = options.tool && options.operation === 'chat' ? 'tool_calls' : random.chance(0.03) ? 'length' : 'stop'; // prettier-ignore
    const well: Fate = { outcome: 'completed', status: 200, error: nothingWrong, attempts: 1, finishReason };
    if (options.steady) return well;
    if (!options.model) return random.chance(0.01) ? failure(500, 'tool_error', 'the tool gave up') : well;
    if (random.chance(0.004)) return refusal;
    if (random.chance(frame.incident ? 0.3 : 0.026)) {
      const draw = random.unit();
      if (frame.incident || draw < 0.2)
        return failure(
          502,
          'upstream_error',
          'the provider answered 500: internal server error',
          'server_error',
        );
      if (draw < 0.65)
        return failure(
          429,
          'rate_limit',
          'rate limit reached for requests per minute',
          'rate_limit_exceeded',
        );
      if (draw < 0.8) return failure(504, 'timeout', 'the provider did not answer within 30000 ms');
      return failure(400, 'content_filter', 'the prompt was stopped by the content filter', 'content_filter');
    }
    if (random.chance(0.005)) {
      const error = { type: 'client_abort', message: 'the client went away', code: '' };
      return { ...well, outcome: 'aborted', error, finishReason: '' };
    }
    return random.chance(0.01) ? { ...well, attempts: 2 } : well;
  }

  #tokensOf(model: SeedModel, options: SpanOptions): TokenBuckets {
    const random = this.#random;
    const input = Math.round(random.around(620, 0.7)) + (options.contextTokens ?? 0);
    if (options.operation === 'embeddings') return { ...noTokens, inputUncached: Math.ceil(input / 8) };
    const cacheRead =
      model.caches && random.chance(0.45) ? Math.floor(input * (0.3 + random.unit() * 0.5)) : 0;
    const cacheWrite = model.provider === 'anthropic' && cacheRead === 0 && random.chance(0.2) ? Math.floor(input / 2) : 0; // prettier-ignore
    const outputText = Math.max(1, Math.round(random.around(options.tool ? 45 : 190, 0.8)));
    const reasoning = model.reasons ? Math.round(random.around(420, 0.7)) : 0;
    return {
      ...noTokens,
      inputUncached: input - cacheRead - cacheWrite,
      cacheRead,
      cacheWrite,
      outputText,
      reasoning,
    };
  }

  #contentOf(
    frame: TraceFrame,
    options: SpanOptions,
    { fate, stream, tokens, failed }: { fate: Fate; stream: boolean; tokens: TokenBuckets; failed: boolean },
  ): SpanContent {
    return contentOf(this.#random, {
      operation: options.operation,
      model: options.model?.model ?? '',
      feature: frame.feature.name,
      tool: options.tool ?? null,
      stream: stream && !failed,
      finishReason: fate.finishReason === '' ? 'stop' : fate.finishReason,
      error: failed ? fate.error : null,
      usage: {
        input: tokens.inputUncached + tokens.cacheRead + tokens.cacheWrite,
        output: tokens.outputText + tokens.reasoning,
      },
      ...(options.text === undefined ? {} : { text: options.text }),
    });
  }

  #chunksOf(
    content: SpanContent | null,
    output: number,
    firstMs: number,
    wholeMs: number,
  ): { at: number[]; lengths: readonly number[] } {
    const random = this.#random;
    const drawn = Math.min(32, 4 + Math.floor(output / 12));
    const lengths = content?.chunkLengths ?? Array.from({ length: drawn }, () => random.int(180, 260));
    const step = ((wholeMs - firstMs) * 1000) / Math.max(1, lengths.length - 1);
    return { at: lengths.map((_, index) => Math.round(firstMs * 1000 + index * step)), lengths };
  }

  #attemptsOf(model: SeedModel, fate: Fate, startMicros: number, durationMs: number): CallAttempt[] {
    const random = this.#random;
    const { provider, model: name } = model;
    const attempt = (
      afterMs: number,
      lastsMs: number,
      status: number,
      error: CallAttempt['error'],
    ): CallAttempt => ({
      spanId: random.hex(16),
      provider,
      model: name,
      startTime: `${Math.round(startMicros + afterMs * 1000)}000`,
      durationNanos: Math.round(lastsMs * 1e6),
      status,
      error,
    });
    if (fate.outcome === 'refused') return [];
    const { type, message, code } = fate.error;
    const error = fate.outcome === 'failed' ? { type, message, code: code === '' ? null : code } : null;
    if (fate.attempts === 1) return [attempt(0.4, durationMs, fate.status, error)];
    const busy = { type: 'upstream_error', message: 'the provider answered 503: overloaded', code: null };
    return [
      attempt(0.4, durationMs * 0.3, 503, busy),
      attempt(durationMs * 0.4, durationMs * 0.6, fate.status, error),
    ];
  }
}

/** What the gateway turned away itself: no provider heard of it. */
const refusal: Fate = {
  outcome: 'refused',
  status: 429,
  error: {
    type: 'rate_limited',
    message: 'the key has used up its requests of this minute',
    code: 'rate_limited',
  },
  attempts: 0,
  finishReason: '',
};

function failure(status: number, type: string, message: string, code = ''): Fate {
  return { outcome: 'failed', status, error: { type, message, code }, attempts: 1, finishReason: '' };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
