'use client';

import { useLoom } from '../api/loom.tsx';
import { PageHead } from '../ui/card.tsx';
import { Failure, Skeleton } from '../ui/states.tsx';
import { Anchors } from './anchors.tsx';
import { Evidence } from './evidence.tsx';
import { Gaps } from './gaps.tsx';
import { Keys } from './keys.tsx';
import { LogCard } from './log-card.tsx';
import { StoreCheck } from './store-check.tsx';
import { VerifyCard } from './verify-card.tsx';

const pollMs = 5000;

/** The sealed record: how far it goes, what it says is missing, who has seen it; and everything to doubt it with. */
export function LedgerPage() {
  const { data, error, refetch } = useLoom('getLedger', {}, { refetchInterval: pollMs, keep: true });
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  return (
    <>
      <PageHead
        title="Ledger"
        lead="Every call, price and change becomes a leaf of a signed log. Whoever has the key can check that nothing was changed, removed or added: here, or offline with an exported bundle."
      />
      {error && (
        <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad">
          The newest look failed: {error.message}. What is shown is older.
        </p>
      )}
      {data ? (
        <>
          <div className="grid gap-5 lg:grid-cols-2">
            {data.logs.map((log) => (
              <LogCard key={log.origin} log={log} vkeys={data.vkeys} />
            ))}
          </div>
          <VerifyCard vkeys={data.vkeys} />
          <div className="grid items-start gap-5 lg:grid-cols-2">
            <Gaps logs={data.logs} />
            <Anchors logs={data.logs} />
          </div>
          <Evidence />
          <div className="grid items-start gap-5 lg:grid-cols-2">
            <Keys name={data.name} vkeys={data.vkeys} />
            <StoreCheck />
          </div>
        </>
      ) : (
        <Skeleton className="h-96" />
      )}
    </>
  );
}
