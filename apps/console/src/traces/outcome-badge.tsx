import { Badge, type Tone } from '../ui/badge.tsx';

const tones: Readonly<Record<string, Tone>> = {
  completed: 'ok',
  failed: 'bad',
  refused: 'bad',
  interrupted: 'bad',
  aborted: 'warn',
};

const meanings: Readonly<Record<string, string>> = {
  completed: 'The provider’s end was read',
  failed: 'The provider failed, or took too long',
  refused: 'Refused before a provider was called',
  interrupted: 'The gateway ended before the call did',
  aborted: 'The client left before the end',
};

/** How a call ended; its HTTP status where that says more. */
export function OutcomeBadge({ outcome, status }: { readonly outcome: string; readonly status: number }) {
  const isError = outcome === 'completed' && status >= 400;
  return (
    <Badge tone={isError ? 'bad' : (tones[outcome] ?? 'neutral')} title={meanings[outcome]}>
      {outcome}
      {status >= 400 && <span className="tabular">{status}</span>}
    </Badge>
  );
}
