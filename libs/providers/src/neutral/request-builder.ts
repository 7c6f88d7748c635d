import { LoomError } from '@loom/errors';
import { record, text } from '../json-values.ts';
import type {
  Feature,
  NeutralAssistantBlock,
  NeutralCacheControl,
  NeutralMessage,
  NeutralRequest,
  NeutralSource,
  NeutralText,
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
  const message =
    `"${path}" cannot be translated: this model's provider has no API for ${what}; leave it out, ` +
    'or send "x-loom-unsupported: drop" to have it left out where that is harmless';
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
  readonly defaults = new Set<Feature>();
  readonly unknown: string[] = [];
  readonly elsewhere: { path: string; what: string }[] = [];
  readonly hints: string[] = [];

  /** What was collected, for the request. */
  found(): Pick<NeutralRequest, 'features' | 'defaults' | 'unknown' | 'elsewhere' | 'hints'> {
    const { features, defaults, unknown, elsewhere, hints } = this;
    return { features, defaults, unknown, elsewhere, hints };
  }

  use(feature: Feature, path: string): void {
    if (!this.features.has(feature)) this.features.set(feature, path);
  }

  /** The value, noted as used when it is there. Null and undefined are not there. */
  take<Value>(feature: Feature, path: string, value: Value): Value {
    if (value !== null && value !== undefined) this.use(feature, path);
    return value;
  }

  /** Members that only hint, and that no other API has. */
  hint(object: Readonly<Record<string, unknown>>, names: ReadonlySet<string>, path = ''): void {
    for (const [name, value] of Object.entries(object)) {
      if (names.has(name) && !isEmpty(value)) this.hints.push(path === '' ? name : `${path}.${name}`);
    }
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
  readonly #system: NeutralText[] = [];
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

  /** What the system says: before the first turn it belongs to none of them and is returned by `system()`. */
  instruct(...texts: NeutralText[]): void {
    if (this.#messages.length === 0) this.#system.push(...texts);
    else this.user(...texts.map((said) => ({ ...said, type: 'instruction' as const })));
  }

  system(): readonly NeutralText[] {
    return this.#system;
  }

  messages(): readonly NeutralMessage[] {
    return this.#messages as NeutralMessage[];
  }

  #push(role: 'user' | 'assistant', blocks: (NeutralUserBlock | NeutralAssistantBlock)[]): void {
    if (blocks.length === 0) return;
    const last = this.#messages.at(-1);
    if (last?.role === role) last.content.splice(placeFor(blocks, last.content), 0, ...blocks);
    else this.#messages.push({ role, content: [...blocks] });
  }
}

// Providers want the results of calls right after the calls, whatever was said in between.
function placeFor(
  [block]: readonly { readonly type: string }[],
  content: readonly { readonly type: string }[],
): number {
  return block?.type === 'tool-result'
    ? content.findLastIndex(({ type }) => type === 'tool-result') + 1
    : content.length;
}

const dataUrl = /^data:([\w.+-]+\/[\w.+-]+)?((?:;[\w=.-]+)*),/;

/** How the bytes of files begin, in base64. */
const beginnings: readonly (readonly [beginning: string, mediaType: string])[] = [
  ...[
    ['iVBORw0KGgo', 'image/png'] as const,
    ['/9j/', 'image/jpeg'] as const,
    ['R0lGOD', 'image/gif'] as const,
  ],
  ...[['UklGR', 'image/webp'] as const, ['JVBERi0', 'application/pdf'] as const],
];

/** A `data:` URL or bare base64 as its bytes, every other address as it is. */
export function sourceOf(url: string, name: string | null = null): NeutralSource {
  const found = dataUrl.exec(url.slice(0, 200));
  if (!found) return isAddress(url) ? { type: 'url', url } : bareSource(url, name);
  const [whole, mediaType = 'text/plain', parameters = ''] = found;
  const rest = url.slice(whole.length);
  const data = parameters.endsWith(';base64')
    ? rest
    : Buffer.from(decodeURIComponent(rest)).toString('base64');
  return { type: 'data', mediaType: mediaTypeOf(mediaType, data, name), data };
}

/**
 * Returns the registered media type of base64 data. The data decides where the caller's type is general
 * (`application/octet-stream`) or names another image format: providers refuse such images.
 */
export function mediaTypeOf(given: string, data: string, name: string | null = null): string {
  const type = given.toLowerCase();
  const found = typeOfData(data);
  if (type === 'application/octet-stream') return found ?? typeOfName(name) ?? type;
  if (type.startsWith('image/') && found?.startsWith('image/')) return found;
  return type === 'image/jpg' || type === 'image/pjpeg' ? 'image/jpeg' : type;
}

function typeOfData(data: string): string | undefined {
  return beginnings.find(([beginning]) => data.startsWith(beginning))?.[1];
}

function isAddress(url: string): boolean {
  return /^[a-z][a-z\d+.-]*:/i.test(url) || !/^[A-Za-z\d+/]+={0,2}\s*$/.test(url);
}

function bareSource(data: string, name: string | null): NeutralSource {
  return { type: 'data', mediaType: typeOfData(data) ?? typeOfName(name) ?? 'application/pdf', data };
}

const typesByEnding: Readonly<Record<string, string>> = {
  ...{ png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp', gif: 'image/gif' },
  ...{ pdf: 'application/pdf', txt: 'text/plain', md: 'text/markdown', csv: 'text/csv', html: 'text/html' },
};

/** The media type that the end of a file's name or address stands for. */
export function typeOfName(name: string | null): string | undefined {
  const ending = /\.([a-z0-9]+)(?:[?#]|$)/i.exec(name ?? '')?.[1]?.toLowerCase();
  return ending === undefined ? undefined : typesByEnding[ending];
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
