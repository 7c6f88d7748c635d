'use client';

import type { LedgerReceipt, ProvenLeaf, Span } from '@loom/api-contract';
import { isLoomError, messageOf } from '@loom/errors';
import { useMutation } from '@tanstack/react-query';
import { Download, ShieldCheck } from 'lucide-react';
import { useClient, useLoom } from '../api/loom.tsx';
import { JsonTree } from '../content/json-tree.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { type Columns, columnOf, storedTables, uncoveredCases } from '@loom/trace-schema/stored-columns';
import type { CallFinding, FactsFinding, Part, PartFinding } from '../ledger/check-call.ts';
import { usePath } from '../shell/session.tsx';
import { download } from '../traces/export-traces.ts';
import { Button } from '../ui/button.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import type { ProofState } from './proof-state.ts';
import { useCallProof } from './use-call-proof.ts';

/** Where a call stands in the signed log, with the proof to take away, and to check here. */
export function SpanProof({ span }: { readonly span: Span }) {
  const { receipt, state, error } = useCallProof(span);
  if (error) return <Failure error={error} />;
  if (state === null) return <Skeleton className="h-40" />;
  if (!receipt) {
    return state === 'pending' ? (
      <Empty title="Being sealed">Leaves of a call are signed within a minute of its end.</Empty>
    ) : (
      <Empty title="The log does not tell of this call">
        Nothing proves that it took place, or that it was as it is shown.
      </Empty>
    );
  }
  return (
    <>
      {state !== 'sealed' && <StateNote state={state} />}
      <Leaves receipt={receipt} />
      <Check span={span} receipt={receipt} />
      <NotCovered />
      {receipt.leaves.map(({ index, envelope }) => (
        <section key={index} className="min-w-0 rounded-lg border">
          <h3 className="flex h-8 items-center border-b px-3 text-xs font-medium text-muted">
            What leaf {formatCount(index)} says
          </h3>
          <div className="overflow-x-auto p-2.5">
            <JsonTree value={JSON.parse(envelope) as unknown} />
          </div>
        </section>
      ))}
    </>
  );
}

function StateNote({ state }: { readonly state: ProofState }) {
  return (
    <p className="rounded-md bg-warn-soft px-3 py-2 text-warn">
      {state === 'pending'
        ? 'Not all of it is under a signed checkpoint yet: that takes some seconds.'
        : 'The log does not tell how this call ended, or that is not signed although its time is over.'}
    </p>
  );
}

function Leaves({ receipt }: { readonly receipt: LedgerReceipt }) {
  const path = usePath();
  return (
    <section className="min-w-0 rounded-lg border">
      <h3 className="flex min-h-8 flex-wrap items-center gap-x-2 border-b px-3 text-xs font-medium text-muted">
        Leaves of <code className="foreign font-mono">{visibleText(receipt.origin)}</code>
        <span className="grow" />
        <Link href={path('ledger')} className="hover:text-accent hover:underline">
          Ledger
        </Link>
      </h3>
      <DataTable
        caption="Leaves of the call"
        rows={receipt.leaves}
        keyOf={({ index }) => String(index)}
        columns={[
          { head: 'Leaf', align: 'right', cell: ({ index }) => formatCount(index) },
          { head: 'Of', cell: ({ kind }) => visibleText(kind), className: 'w-full' },
          {
            head: 'Sealed',
            cell: ({ sealedAt }) =>
              sealedAt === null ? '–' : <span title={formatInstant(sealedAt)}>{formatTime(sealedAt)}</span>,
            className: 'whitespace-nowrap',
          },
          {
            head: 'Under a checkpoint of',
            align: 'right',
            cell: ({ checkpointSize }) =>
              checkpointSize === null ? 'not yet' : `${formatCount(checkpointSize)} leaves`,
          },
          {
            head: 'Download',
            align: 'right',
            cell: (leaf) => <LeafFiles callId={receipt.callId} leaf={leaf} />,
          },
        ]}
      />
    </section>
  );
}

/** The entry and its proof, as files for any verifier of C2SP tlog-proof. */
function LeafFiles({ callId, leaf }: { readonly callId: string; readonly leaf: ProvenLeaf }) {
  const { envelope, index, proof } = leaf;
  const name = `${callId}-leaf-${index}`;
  return (
    <span className="flex justify-end gap-1">
      <Button
        size="small"
        aria-label={`Entry of leaf ${index}`}
        onClick={() => download(new Blob([envelope]), `${name}.json`)}
      >
        <Download aria-hidden className="size-3" /> Entry
      </Button>
      {proof !== null && (
        <Button
          size="small"
          aria-label={`Proof of leaf ${index}`}
          onClick={() => download(new Blob([proof]), `${name}.tlog-proof`)}
        >
          <Download aria-hidden className="size-3" /> Proof
        </Button>
      )}
    </span>
  );
}

function Check({ span, receipt }: { readonly span: Span; readonly receipt: LedgerReceipt }) {
  const { client } = useClient();
  const ledger = useLoom('getLedger');
  const check = useMutation({
    mutationFn: async (vkeys: readonly string[]) => {
      const [{ checkCall }, { browserCrypto }] = await Promise.all([
        import('../ledger/check-call.ts'),
        import('../ledger/browser-crypto.ts'),
      ]);
      const read = (part: Part) =>
        client.getSpanRaw({ params: { spanId: span.spanId }, query: { part } }).catch(nullWhenNotFound);
      return checkCall(browserCrypto, { span, receipt, vkeys, read });
    },
  });
  const vkeys = ledger.data?.vkeys;
  return (
    <div className="grid gap-2">
      <div>
        <Button
          busy={check.isPending}
          disabled={!vkeys}
          onClick={() => vkeys && check.mutate(vkeys)}
          title="Derives the roots from the leaves and hashes what is shown, in this browser, with the keys of this deployment"
        >
          {!check.isPending && <ShieldCheck aria-hidden className="size-3.5" />} Verify in this browser
        </Button>
      </div>
      {check.error && (
        <div role="status" className="foreign rounded-md bg-bad-soft px-3 py-2 text-bad">
          <p className="font-medium">This does not hold.</p>
          <p>{visibleText(messageOf(check.error))}</p>
        </div>
      )}
      {check.data && <Finding finding={check.data} />}
    </div>
  );
}

function nullWhenNotFound(error: unknown): null {
  if (isLoomError(error) && error.code === 'not_found') return null;
  throw error;
}

const partWords: Readonly<Record<PartFinding, string>> = {
  'as-sealed': 'as it was sealed',
  absent: 'none was sealed',
  unopened: 'its key is gone, by an erasure or retention: it can no longer be compared',
  cut: 'only its beginning was kept and sealed: an exported bundle proves it',
  gone: 'NOT THERE although its key is: retention took it, or somebody did',
};

const factsWords: Readonly<Record<FactsFinding, string>> = {
  'as-sealed': 'all as they were sealed',
  'version-1': 'as they were sealed, as far as version 1 of a leaf commits to them',
  absent: 'none were sealed but those in the leaf',
  unopened: 'the key is gone, by an erasure or retention: those in the leaf are as sealed',
  gone: 'THE ROW IS NOT THERE although its key is: retention took it, or somebody did',
};

function Finding({ finding: { leaves, signers, parts, facts, figures } }: { readonly finding: CallFinding }) {
  const proven = leaves.filter(({ size }) => size !== null).length;
  const isWhole = proven === leaves.length && ![...Object.values(parts), facts].includes('gone');
  return (
    <div
      role="status"
      className={`grid gap-1 rounded-md px-3 py-2 ${isWhole ? 'bg-ok-soft text-ok' : 'bg-warn-soft text-warn'}`}
    >
      <p className="font-medium">
        {formatCount(proven)} of {formatCount(leaves.length)} leaves are in the log, signed by{' '}
        {signers.join(', ') || 'nobody yet'}.
      </p>
      <p>
        Request: {partWords[parts.request]}. Answer: {partWords[parts.response]}.
        {figures.length > 0 && ` Shown as sealed: ${figures.join(', ')}.`}
      </p>
      <p>Facts: {factsWords[facts]}.</p>
    </div>
  );
}

/** Columns of calls that nothing proves, with the reason. */
const uncovered = Object.entries(storedTables).flatMap(([table, { columns }]) =>
  Object.entries(columns as Columns).flatMap(([field, coverage]) =>
    coverage.by === 'nothing' ? [`${table}.${columnOf(field)} ${coverage.why}.`] : [],
  ),
);

function NotCovered() {
  return (
    <details className="rounded-lg border px-3 py-2 text-muted">
      <summary className="cursor-pointer text-xs font-medium">What no proof covers</summary>
      <ul className="mt-2 grid list-disc gap-1 pl-4 text-xs">
        {[...uncoveredCases, ...uncovered].map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </details>
  );
}
