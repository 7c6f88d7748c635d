import { record, text } from '../json-values.ts';
import type {
  NeutralAssistantBlock,
  NeutralAudio,
  NeutralFile,
  NeutralImage,
  NeutralMessage,
  NeutralReasoning,
  NeutralText,
  NeutralUserBlock,
} from '../neutral/neutral-request.ts';
import {
  cannotCarry,
  type FeatureUse,
  heldElsewhere,
  invalidMember,
  mediaTypeOf,
  mustRecord,
  mustText,
  TurnBuilder,
  typeOfName,
} from '../neutral/request-builder.ts';
import { GeminiCalls } from './gemini-calls.ts';
import { camelMembers, itemsOf } from './gemini-members.ts';
import { openThought } from './thought-seal.ts';

type Json = Readonly<Record<string, unknown>>;

/*
 * contents: { role?: user | model, parts: part[] }[]           ai.google.dev/api/caching#Content; no role is the user's
 *   part: { text, thought?, thoughtSignature? }
 *       | { inlineData: { mimeType, data, displayName? } } | { fileData: { mimeType?, fileUri, displayName? } }
 *       | { functionCall: { id?, name, args? }, thoughtSignature? }
 *       | { functionResponse: { id?, name, response, parts?: part[] } }
 *       | { executableCode } | { codeExecutionResult } | { toolCall } | { toolResponse }        of Google's own tools
 *   response: an object; `output` is what the function returned and `error` why it failed, else all of it is the output
 */

/** What only hints at how Google reads a part. */
const partHints: ReadonlySet<string> = new Set([
  ...['videoMetadata', 'mediaResolution', 'partMetadata', 'mediaProcessing', 'speechMetadata'],
]);
const partMembers: ReadonlySet<string> = new Set([
  ...['text', 'thought', 'thoughtSignature', 'inlineData', 'fileData', 'functionCall', 'functionResponse'],
  ...['executableCode', 'codeExecutionResult', 'toolCall', 'toolResponse', 'audioTranscription'],
  ...partHints,
]);
/** Of functions that go on while the model speaks. */
const resultHints: ReadonlySet<string> = new Set(['scheduling', 'willContinue']);
/** What Google's own tools did: the model said in its texts what came of it. */
const ownToolParts = ['executableCode', 'codeExecutionResult', 'toolCall', 'toolResponse'];
/** Files that stay with Google: the Files API and Cloud Storage. */
const googleFile = /^(?:gs:|https:\/\/generativelanguage\.googleapis\.com\/)/;
const expected = 'a part with text, inlineData, fileData, functionCall or functionResponse';

/** Reads a conversation of the Gemini API. `isPrefill`: the model has spoken last, and is to go on. */
export function readContents(
  value: unknown,
  use: FeatureUse,
): { messages: readonly NeutralMessage[]; isPrefill: boolean } {
  const contents = typeof value === 'string' ? [{ parts: [{ text: value }] }] : itemsOf(value);
  const turns = new TurnBuilder();
  const reader = new PartReader(turns, use);
  let role = '';
  for (const [index, item] of contents.entries()) {
    const path = `contents[${index}]`;
    const content = camelMembers(mustRecord(item, path));
    role = text(content.role) ?? 'user';
    const parts = itemsOf(content.parts).map((part, place) => {
      const at = `${path}.parts[${place}]`;
      return { part: camelMembers(mustRecord(part, at)), path: at };
    });
    if (role === 'model') reader.model(parts);
    else if (role === 'user' || role === 'function') reader.user(parts);
    else throw invalidMember(`${path}.role`, 'user or model; a system prompt belongs in "systemInstruction"');
  }
  return { messages: turns.messages(), isPrefill: role === 'model' };
}

interface PlacedPart {
  readonly part: Json;
  readonly path: string;
}

class PartReader {
  readonly #turns: TurnBuilder;
  readonly #use: FeatureUse;
  readonly #calls = new GeminiCalls();

  constructor(turns: TurnBuilder, use: FeatureUse) {
    this.#turns = turns;
    this.#use = use;
  }

  user(parts: readonly PlacedPart[]): void {
    for (const { part, path } of parts) {
      this.#note(part, path);
      if (part.functionResponse !== undefined) this.#result(part.functionResponse, path);
      else this.#turns.user(...this.#content(part, path));
    }
  }

  model(parts: readonly PlacedPart[]): void {
    const blocks: NeutralAssistantBlock[] = [];
    const hasThoughts = parts.some(({ part }) => part.thought === true);
    for (const { part, path } of parts) {
      this.#note(part, path);
      if (part.thought === true) this.#thought(part, path, blocks);
      else if (part.functionCall !== undefined) blocks.push(...this.#call(part, path, hasThoughts));
      else blocks.push(...this.#said(part, path));
    }
    this.#turns.assistant(...blocks);
  }

  #note(part: Json, path: string): void {
    this.#use.leave(part, partMembers, path);
    this.#use.hint(part, partHints, path);
  }

  // The pieces of a thought follow each other; the last one may have its signature.
  #thought(part: Json, path: string, blocks: NeutralAssistantBlock[]): void {
    this.#use.use('reasoning_history', path);
    const sealed = openThought(text(part.thoughtSignature))?.reasoning.at(-1);
    const last = blocks.at(-1);
    const isOpen = last?.type === 'reasoning' && last.signature === null && last.encrypted === null;
    const block: NeutralReasoning = {
      ...{ type: 'reasoning', text: (isOpen ? last.text : '') + (text(part.text) ?? '') },
      ...{ signature: sealed?.signature ?? null, encrypted: sealed?.encrypted ?? null },
    };
    if (isOpen) blocks.splice(-1, 1, block);
    else blocks.push(block);
  }

  // A call carries the thoughts that led to it, for clients that leave thoughts out.
  #call(part: Json, path: string, hasThoughts: boolean): NeutralAssistantBlock[] {
    const at = `${path}.functionCall`;
    const call = camelMembers(mustRecord(part.functionCall, at));
    const name = mustText(call.name, `${at}.name`);
    if (call.args !== undefined && call.args !== null) mustRecord(call.args, `${at}.args`);
    const given = text(part.thoughtSignature);
    const sealed = openThought(given);
    const reasoning = hasThoughts ? [] : (sealed?.reasoning ?? []);
    if (reasoning.length > 0) this.#use.use('reasoning_history', path);
    const signature = sealed ? sealed.signature : given;
    return [
      ...reasoning,
      {
        ...{ type: 'tool-call', id: this.#calls.call(text(call.id), name), name },
        arguments: JSON.stringify(call.args ?? {}),
        ...(signature === null ? {} : { signature }),
      },
    ];
  }

  #said(part: Json, path: string): NeutralAssistantBlock[] {
    if (ownToolParts.some((name) => part[name] !== undefined)) {
      this.#use.hints.push(path);
      return [];
    }
    return this.#content(part, path).map((block) => {
      if (block.type === 'text' || block.type === 'image' || block.type === 'audio') return block;
      throw invalidMember(path, 'text, an image, audio or a functionCall: files come from the user');
    });
  }

  #result(value: unknown, path: string): void {
    const at = `${path}.functionResponse`;
    const result = camelMembers(mustRecord(value, at));
    this.#use.hint(result, resultHints, at);
    const { id, name } = this.#calls.result(text(result.id), mustText(result.name, `${at}.name`), path);
    const response = mustRecord(result.response ?? {}, `${at}.response`);
    const media = itemsOf(result.parts).flatMap((item, place) => {
      const inner = `${at}.parts[${place}]`;
      return this.#content(camelMembers(mustRecord(item, inner)), inner).map((block) => {
        if (block.type !== 'audio' && isResultPart(block)) return block;
        throw invalidMember(inner, 'text, an image or a document');
      });
    });
    const { text: said, isError } = readResponse(response);
    this.#turns.user({
      ...{ type: 'tool-result', callId: id, name, isError },
      content: [{ type: 'text', text: said }, ...media],
    });
  }

  #content(part: Json, path: string): (NeutralText | NeutralImage | NeutralFile | NeutralAudio)[] {
    if (part.inlineData !== undefined) return [this.#inline(part.inlineData, `${path}.inlineData`)];
    if (part.fileData !== undefined) return [this.#file(part.fileData, `${path}.fileData`)];
    if (part.text === undefined && text(part.thoughtSignature) !== null) return [];
    if (part.text === undefined) throw invalidMember(path, expected);
    const said = mustText(part.text, `${path}.text`);
    return said === '' ? [] : [{ type: 'text', text: said }];
  }

  #inline(value: unknown, path: string): NeutralImage | NeutralFile | NeutralAudio {
    const blob = camelMembers(mustRecord(value, path));
    const data = mustText(blob.data, `${path}.data`).replaceAll('-', '+').replaceAll('_', '/');
    const mediaType = mediaTypeOf(mustText(blob.mimeType, `${path}.mimeType`), data);
    if (mediaType.startsWith('audio/')) {
      this.#use.use('audio', path);
      return { type: 'audio', data, format: audioFormat(mediaType) };
    }
    const source = { type: 'data' as const, mediaType, data };
    return this.#media(source, { mediaType, path, name: text(blob.displayName) });
  }

  #file(value: unknown, path: string): NeutralImage | NeutralFile {
    const file = camelMembers(mustRecord(value, path));
    const url = mustText(file.fileUri, `${path}.fileUri`);
    if (googleFile.test(url)) throw heldElsewhere(`${path}.fileUri`);
    const mediaType = text(file.mimeType) ?? typeOfName(url) ?? '';
    return this.#media({ type: 'url', url }, { mediaType, path, name: text(file.displayName) });
  }

  #media(
    source: NeutralImage['source'],
    {
      mediaType,
      path,
      name,
    }: { readonly mediaType: string; readonly path: string; readonly name: string | null },
  ): NeutralImage | NeutralFile {
    if (/^(?:video|audio)\//.test(mediaType))
      throw cannotCarry(path, "this model's provider", `takes no ${mediaType.slice(0, 5)} in this form`);
    if (mediaType.startsWith('image/')) {
      this.#use.use(`image.${source.type}`, path);
      return { type: 'image', source };
    }
    this.#use.use(`file.${source.type}`, path);
    return { type: 'file', source, name };
  }
}

function isResultPart(
  block: NeutralUserBlock,
): block is Extract<NeutralUserBlock, { type: 'text' | 'image' | 'file' }> {
  return block.type === 'text' || block.type === 'image' || block.type === 'file';
}

// What a function returned is text to most APIs: text stays as it is, all else is JSON.
function readResponse(response: Json): { text: string; isError: boolean } {
  const names = Object.keys(response);
  const [only] = names.length === 1 ? names : [];
  if (only === 'output' || only === 'result' || only === 'error') {
    const value = response[only];
    const said = typeof value === 'string' ? value : JSON.stringify(value);
    return { text: said, isError: only === 'error' };
  }
  return { text: JSON.stringify(response), isError: record(response.error) !== null };
}

// ai.google.dev/gemini-api/docs/audio: audio/mp3, audio/wav, audio/aiff, audio/aac, audio/ogg, audio/flac.
function audioFormat(mediaType: string): string {
  const format = mediaType.slice('audio/'.length).replace(/^x-/, '');
  return format === 'mpeg' || format === 'mpga' ? 'mp3' : format;
}
