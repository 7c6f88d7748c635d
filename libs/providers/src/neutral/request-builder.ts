import { LoomError } from '@loom/errors';
import { record, text } from '../json-values.ts';
import type {
  Feature,
  NeutralAssistantBlock,
  NeutralCacheControl,
  NeutralMessage,
  NeutralSource,
  NeutralToolResult,
  NeutralUserBlock,
} from './neutral-request.ts';

/**
 * A part of the conversation that only the provider of the caller's own API holds: without it the model would be asked
 * something else, so it is refused under every policy. An API may have a reason of its own that its clients know.
 */
export function heldElsewhere(path: string, reason = 'held_context'): LoomError {
  const message = `"${path}" names what this model's provider does not hold; send the whole conversation`;
  return new LoomError('unsupported', message, { param: path, reason });
}

/**
 * What has the model do something that only the provider of the caller's own API does: without it the answer would be
 * another one, so it is refused under every policy.
 */
export function onlyElsewhere(path: string, what = 'it'): LoomError {
  const message = `"${path}" cannot be translated: this model's provider has no API for ${what}; leave it out`;
  return new LoomError('unsupported', message, { param: path, reason: 'unsupported_feature' });
}

/** The error for a member that is not what its dialect says. */
export function invalidMember(path: string, expected: string): LoomError {
  return new LoomError('invalid_request', `"${path}" must be ${expected}`, { param: path });
}

/** The error for something that the target provider has no words for. */
export function cannotCarry(path: string, provider: string, why = 'has nothing like it'): LoomError {
  return new LoomError('unsupported', `"${path}" is not supported here: ${provider} ${why}`, {
    param: path,
    reason: 'unsupported_feature',
  });
}

/** Collects what a request uses. The first path of a feature is the one that is named. */
export class FeatureUse {
  readonly features = new Map<Feature, string>();
  readonly unknown: string[] = [];

  use(feature: Feature, path: string): void {
    if (!this.features.has(feature)) this.features.set(feature, path);
  }

  /** The value, noted as used when it is there. Null and undefined are not there. */
  take<Value>(feature: Feature, path: string, value: Value): Value {
    if (value !== null && value !== undefined) this.use(feature, path);
    return value;
  }

  /** Members that this half does not read. One that is empty says nothing, so nothing is lost with it. */
  leave(object: Readonly<Record<string, unknown>>, known: ReadonlySet<string>, path = ''): void {
    for (const [name, value] of Object.entries(object)) {
      if (!known.has(name) && !isEmpty(value)) this.unknown.push(path === '' ? name : `${path}.${name}`);
    }
  }
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Builds alternating turns: consecutive blocks of one side become one message. Knows the names of called tools. */
export class TurnBuilder {
  readonly #messages: {
    role: 'user' | 'assistant';
    content: (NeutralUserBlock | NeutralAssistantBlock)[];
  }[] = [];
  readonly #names = new Map<string, string>();

  user(...blocks: NeutralUserBlock[]): void {
    this.#push('user', blocks);
  }

  assistant(...blocks: NeutralAssistantBlock[]): void {
    for (const block of blocks) if (block.type === 'tool-call') this.#names.set(block.id, block.name);
    this.#push('assistant', blocks);
  }

  toolResult(result: Omit<NeutralToolResult, 'type' | 'name'>): void {
    const name = this.#names.get(result.callId) ?? '';
    this.user({ type: 'tool-result', name, ...result });
  }

  messages(): readonly NeutralMessage[] {
    return this.#messages as NeutralMessage[];
  }

  #push(role: 'user' | 'assistant', blocks: (NeutralUserBlock | NeutralAssistantBlock)[]): void {
    if (blocks.length === 0) return;
    const last = this.#messages.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else this.#messages.push({ role, content: [...blocks] });
  }
}

const dataUrl = /^data:([\w.+-]+\/[\w.+-]+)(?:;[\w=.-]+)*;base64,/;

/** A `data:` URL as its bytes, every other address as it is. */
export function sourceOf(url: string): NeutralSource {
  const found = dataUrl.exec(url.slice(0, 200));
  return found
    ? { type: 'data', mediaType: found[1] ?? '', data: url.slice(found[0].length) }
    : { type: 'url', url };
}

/** The other way: an address that carries its bytes. */
export function urlOf(source: NeutralSource): string {
  return source.type === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
}

/** Members of a part that must be an object of a known `type`. */
export function partOf(
  value: unknown,
  path: string,
): { type: string; part: Readonly<Record<string, unknown>> } {
  const part = record(value);
  const type = text(part?.type);
  if (!part || type === null) throw invalidMember(path, 'an object with a "type"');
  return { type, part };
}

/** `cache_control` of a part, a tool or a message, as Anthropic has it and callers of OpenAI's chat API write it too. */
export function readCacheControl(
  part: Readonly<Record<string, unknown>>,
  path: string,
  use: FeatureUse,
): { cacheControl?: NeutralCacheControl } {
  const control = record(part.cache_control);
  if (!control) return {};
  use.use('cache_control', `${path}.cache_control`);
  return { cacheControl: { ttl: text(control.ttl) } };
}

/** A text that must be there. */
export function mustText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalidMember(path, 'a string');
  return value;
}

/** An array that must be there. */
export function mustList(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidMember(path, 'an array');
  return value;
}

/** An object that must be there. */
export function mustRecord(value: unknown, path: string): Readonly<Record<string, unknown>> {
  const found = record(value);
  if (!found) throw invalidMember(path, 'an object');
  return found;
}
