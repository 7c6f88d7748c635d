import { parseArguments } from '../json-values.ts';

/** The arguments of a call as the object that most APIs want. Text that is none is not lost: it becomes a member. */
export function argumentsObject(json: string): Readonly<Record<string, unknown>> {
  return parseArguments(json) ?? { arguments: json };
}

/** The arguments of a call as the text of a JSON object. */
export function argumentsText(json: string): string {
  return parseArguments(json) ? json : JSON.stringify(argumentsObject(json));
}
