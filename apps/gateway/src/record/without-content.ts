import type { CallError, CallFacts } from '@loom/trace-schema';

/*
 * What the events of a project whose content is `sealed` say in the clear: figures, names and words of the APIs, no
 * sentence of anybody. Providers' messages quote what they were sent, and so do some of Loom's own.
 */

const unkeptMessage = 'the message is not kept: the content of this project is sealed';
const word = /^[\w.:-]{1,128}$/;
/** Parameters whose value is part of what the model is given. */
const contentParameters = new Set(['suffix']);

/** Parts of the request that were dropped are named by the caller's own names, so they go too. */
export function factsWithoutContent({ dropped: _, ...facts }: CallFacts): CallFacts {
  const kept = Object.entries(facts.parameters).filter(
    ([name, value]) => !contentParameters.has(name) && (typeof value !== 'string' || word.test(value)),
  );
  return { ...facts, parameters: Object.fromEntries(kept) };
}

export function errorWithoutContent({ type, code }: CallError): CallError {
  return {
    type: word.test(type) ? type : 'upstream_error',
    message: unkeptMessage,
    code: code !== null && word.test(code) ? code : null,
  };
}
