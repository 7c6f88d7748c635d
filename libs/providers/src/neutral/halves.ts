import { LoomError } from '@loom/errors';
import type { ProviderError } from '../provider-error.ts';
import type { NeutralAnswer, NeutralEvent } from './neutral-answer.ts';
import type { ProviderProfile } from '../profiles.ts';
import type { Feature, NeutralRequest, NeutralTool } from './neutral-request.ts';
import type { ToolIdRule } from './tool-ids.ts';

/** One framed event of a provider's stream: server-sent, or a frame of `application/vnd.amazon.eventstream`. */
export interface WireEvent {
  /** The `event:` line, or the frame's `:event-type`; '' when there is none. */
  readonly name: string;
  readonly data: string;
}

/** Reads a provider's stream, event by event. Stateful, one per answer; tolerant: what it does not know it leaves out. */
export interface StreamReader {
  push(event: WireEvent): NeutralEvent[];
  /** The connection ended well. Closes what is open; gives `end` if the provider has said that the answer is whole. */
  end(): NeutralEvent[];
}

/** Writes a stream in the client's dialect, event by event. Stateful, one per answer. */
export interface StreamWriter {
  /** The bytes of the client's stream that these events become; '' when they become none yet. */
  push(event: NeutralEvent): string;
}

/** What the client's stream needs to know that is not in the events. */
export interface AnswerContext {
  /** The caller's name of the model. */
  readonly requestModel: string;
  /** For the answer when the provider gives none: unique, without prefix. */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** Whether the caller wants the usage at the end of a stream (OpenAI chat). */
  readonly includeUsage: boolean;
  /** The caller's body: some dialects repeat parts of it in the answer. */
  readonly bytes: Buffer;
}

/** The client's side of a translation: its requests in, its answers out. */
export interface ClientHalf {
  readonly dialect: string;
  /** Reads a body that is already known to be a JSON object. Throws `invalid_request` that names the member. */
  readRequest(body: Readonly<Record<string, unknown>>, model: string): NeutralRequest;
  /** The tools of a body that was read before. None where it has none. */
  readTools(body: Readonly<Record<string, unknown>>): readonly NeutralTool[];
  writeAnswer(answer: NeutralAnswer, context: AnswerContext): Readonly<Record<string, unknown>>;
  streamWriter(context: AnswerContext): StreamWriter;
}

/** The provider's side of a translation: its requests out, its answers in. */
export interface ProviderHalf {
  readonly wire: string;
  /** How its streams are framed. */
  readonly framing: 'sse' | 'eventstream';
  /** What it can carry; a request that uses more is refused by name before this half sees it. */
  readonly carries: ReadonlySet<Feature>;
  /** What this model, or this kind of provider, lacks of it. */
  lacks?(model: string, profile?: ProviderProfile): readonly Feature[];
  /**
   * The body for the provider. Throws `unsupported` (422) that names what cannot be said in this API; `drop` is told of
   * what is left out because it says nothing to this provider (reasoning that another one has written, the mark of a
   * tool result as an error).
   */
  writeRequest(
    request: NeutralRequest,
    drop: (path: string) => void,
    profile?: ProviderProfile,
  ): Readonly<Record<string, unknown>>;
  /** What the ids of its tool calls look like; null: anything. */
  toolIds?(model: string, profile?: ProviderProfile): ToolIdRule | null;
  /** The events of a whole JSON answer. Throws a `LoomError` of code `upstream_failed` when it has no such shape. */
  readAnswer(body: unknown): NeutralEvent[];
  streamReader(): StreamReader;
  /** The error of an answer with an error status, or null when the body is not in this API's shape. */
  readError(body: unknown): ProviderError | null;
}

/** The error for a part of an answer that the caller's API has no form for: it is not left out in silence. */
export function cannotTell(what: string, api: string): LoomError {
  return new LoomError('upstream_failed', `the answer has ${what}, and ${api} has no form for it`, {
    reason: 'unsupported_answer',
  });
}
