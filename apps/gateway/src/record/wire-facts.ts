import type { CallFacts } from '@loom/trace-schema';

/** What the facts say of a translation; nothing where the provider speaks the caller's dialect. */
export function wireFacts(
  dialect: string,
  { wire, dropped }: { readonly wire: string; readonly dropped: readonly string[] },
): Pick<CallFacts, 'wire' | 'dropped'> {
  return {
    ...(wire === dialect ? {} : { wire }),
    ...(dropped.length > 0 ? { dropped: [...dropped] } : {}),
  };
}
