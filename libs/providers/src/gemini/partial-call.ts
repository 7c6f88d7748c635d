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
 * Pieces of one text follow each other under the same path. Paths come from a model: they reach into nothing but the
 * arguments themselves, leave no hole in a list, and go only so deep.
 */
const depthMax = 64;

type Container = Record<string, unknown>;

export class PartialCall {
  readonly name: string;
  readonly signature: string | null;
  readonly #args: Container = emptyObject();

  constructor(name: string, signature: string | null) {
    this.name = name;
    this.signature = signature;
  }

  take(partialArgs: unknown): void {
    for (const part of records(partialArgs)) {
      const path: string[] = (text(part.jsonPath) ?? '').match(/[^.$[\]'"]+/g) ?? [];
      const value = part.stringValue ?? part.numberValue ?? part.boolValue ?? null;
      if (path.length > 0 && path.length <= depthMax) setAt(this.#args, path, value);
    }
  }

  get arguments(): string {
    return JSON.stringify(this.#args);
  }
}

function setAt(into: Container, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (Array.isArray(into) && !(/^\d{1,9}$/.test(name) && Number(name) <= into.length)) return;
  const before = into[name];
  const [next] = rest;
  if (next === undefined) {
    into[name] = typeof before === 'string' && typeof value === 'string' ? before + value : value;
    return;
  }
  const inner =
    typeof before === 'object' && before !== null
      ? (before as Container)
      : /^\d+$/.test(next)
        ? ([] as unknown as Container)
        : emptyObject();
  into[name] = inner;
  setAt(inner, rest, value);
}

/** An object that inherits nothing: every name is only a name in it. */
function emptyObject(): Container {
  return Object.create(null) as Container;
}
