import { records, text } from '../json-values.ts';

/*
 * A function call that comes in pieces (`streamFunctionCallArguments`): first its name, then values by their path, then
 * an empty call:
 *
 *   { functionCall: { name, willContinue: true }, thoughtSignature? }
 *   { functionCall: { partialArgs: { jsonPath: "$.a.b[0]", stringValue | numberValue | boolValue | nullValue,
 *                                    willContinue? }[], willContinue: true } }
 *   { functionCall: {} }
 *
 * Pieces of one text follow each other under the same path.
 */
export class PartialCall {
  readonly name: string;
  readonly signature: string | null;
  readonly #args: Record<string, unknown> = {};

  constructor(name: string, signature: string | null) {
    this.name = name;
    this.signature = signature;
  }

  take(partialArgs: unknown): void {
    for (const part of records(partialArgs)) {
      const path: string[] = (text(part.jsonPath) ?? '').match(/[^.$[\]'"]+/g) ?? [];
      const value = part.stringValue ?? part.numberValue ?? part.boolValue ?? null;
      if (path.length > 0 && !path.includes('__proto__')) setAt(this.#args, path, value);
    }
  }

  get arguments(): string {
    return JSON.stringify(this.#args);
  }
}

function setAt(into: Record<string, unknown>, [name = '', ...rest]: readonly string[], value: unknown): void {
  const [next] = rest;
  if (next === undefined) {
    const before = into[name];
    into[name] = typeof before === 'string' && typeof value === 'string' ? before + value : value;
    return;
  }
  into[name] ??= /^\d+$/.test(next) ? [] : {};
  setAt(into[name] as Record<string, unknown>, rest, value);
}
