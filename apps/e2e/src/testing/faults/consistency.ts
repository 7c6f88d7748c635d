import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { listPartitions, readPartition } from '@loom/event-stream';
import type { UpstreamPlayer } from '@loom/testkit';
import { type CallAccepted, isCallEnded, type TraceEvent } from '@loom/trace-schema';
import { eventually } from '../deployment.ts';
import type { FaultyDeployment } from './faulty-deployment.ts';

type LedgerCheck = Awaited<ReturnType<FaultyDeployment['client']['checkLedger']>>;

interface Known {
  readonly player: UpstreamPlayer;
  /** Markers of calls that the client knows to be on the record. */
  readonly acknowledged: ReadonlySet<string>;
  readonly settleMsMax: number;
}

interface Record {
  readonly events: readonly TraceEvent[];
  readonly check: LedgerCheck;
  /** Of what must come yet: calls of the stream and those that ended, and what the check says. */
  toJSON(): unknown;
}

const journalTopic = 'loom.ledger.v1';

/** Waits until all that is in the stream is sealed and stored, and expects of it what must hold after any fault. */
export async function expectConsistent(
  loom: FaultyDeployment,
  { player, acknowledged, settleMsMax }: Known,
  told: string,
): Promise<void> {
  const read = async (): Promise<Record> => {
    const check = await loom.client.checkLedger({ query: { deep: 'false' } });
    const events = await loom.traceEvents();
    const [accepted, ended] = [events.filter(isAccepted).length, events.filter(isCallEnded).length];
    return { check, events, toJSON: () => ({ accepted, ended, ...check }) };
  };
  const { events, check } = await eventually(read, isSettled, settleMsMax).catch((error: unknown) => {
    throw new Error(`${told}: ${String(error)}\n${loom.takeOutput()}`);
  });
  const accepted = events.filter(isAccepted);
  const markers = accepted.map(({ request }) => markerOf(Buffer.from(request.data ?? '', 'base64')));
  const callIds = accepted.map(({ call }) => call.callId);
  const ended = events.filter(isCallEnded).map(({ call }) => call.callId);
  const seen = player.seen.map(({ body }) => markerOf(body));
  expect({
    told,
    unrecorded: [...seen, ...acknowledged].filter((marker) => !markers.includes(marker)),
    twice: [callIds, ended, events.map(({ id }) => id)].flatMap(repeatedOf),
    brokenSequences: brokenSequencesOf(events),
    gaps: check.logs.flatMap(({ kinds }) =>
      Object.keys(kinds).filter((kind) => kind.startsWith('capture.gap')),
    ),
    counts: [check.counts.accepted, check.counts.ended, check.counts.storedSpans],
    missing: await missingOfFiles(loom, check),
  }).toEqual({
    ...{ told, unrecorded: [], twice: [], brokenSequences: [], gaps: [], missing: [] },
    counts: [accepted.length, accepted.length, accepted.length],
  });
}

function isSettled({ events, check }: Record): boolean {
  const { accepted, open, behind } = check.counts;
  const ended = events.filter(isCallEnded).length;
  const isWhole = accepted === ended && events.filter(isAccepted).length === ended;
  return check.ok && open === 0 && behind === 0 && isWhole;
}

const isAccepted = (event: TraceEvent): event is CallAccepted => event.type === 'call.accepted';

const markerOf = (body: Buffer): string => /marker-\d+/.exec(body.toString('latin1'))?.[0] ?? '';

const repeatedOf = (values: readonly string[]): string[] =>
  values.length === new Set(values).size ? [] : values.filter((value, at) => values.indexOf(value) < at);

function brokenSequencesOf(events: readonly TraceEvent[]): string[] {
  const last = new Map<string, number>();
  return events.flatMap(({ emitter, projectId, seq }) => {
    const sequence = `${emitter} ${projectId}`;
    const expected = (last.get(sequence) ?? 0) + 1;
    last.set(sequence, seq);
    return seq === expected ? [] : [`${sequence}: ${seq} instead of ${expected}`];
  });
}

interface JournalEntry {
  readonly projectId: string;
  readonly expected: { readonly size: number };
  readonly leaves: readonly { readonly envelope: string }[];
}

/**
 * What the store of the ledger has and its synced files have not, which a power cut would take: leaves (and with one all
 * that follow), keys that commitments are salted by, signed heads.
 */
async function missingOfFiles(loom: FaultyDeployment, { logs }: LedgerCheck): Promise<string[]> {
  const ledger = join(loom.home, 'ledger');
  const leaves = new Set<string>();
  const keys = new Set<string>();
  for await (const { projectId, expected, leaves: added } of journalEntries(join(ledger, 'journal'))) {
    for (const [at, { envelope }] of added.entries()) {
      leaves.add(`leaf ${expected.size + at} of ${projectId}`);
      const { bucket } = JSON.parse(envelope) as { bucket?: string };
      if (bucket !== undefined) keys.add(bucket);
    }
  }
  const keyFiles = await readdir(join(ledger, 'bucket-keys'));
  const missing = [...keys].filter((key) => !keyFiles.includes(key)).map((key) => `key ${key}`);
  for (const { project, size, checkpoints } of logs) {
    for (let at = 0; at < size; at += 1)
      if (!leaves.has(`leaf ${at} of ${project}`)) missing.push(`leaf ${at} of ${project}`);
    const kept = await sizesSigned(join(ledger, 'checkpoints', `${project}.ndjson`));
    if (kept.size < checkpoints) missing.push(`${checkpoints - kept.size} checkpoints of ${project}`);
  }
  return missing;
}

async function* journalEntries(root: string): AsyncGenerator<JournalEntry> {
  for (const partition of await listPartitions(root, journalTopic)) {
    for await (const { value } of readPartition(join(root, journalTopic, partition)))
      yield JSON.parse(value.toString()) as JournalEntry;
  }
}

/** Sizes of the heads in a file of checkpoints; lines that a fault cut off are none. */
async function sizesSigned(file: string): Promise<Set<string>> {
  const text = await readFile(file, 'utf8');
  return new Set(
    text.split('\n').flatMap((line) => /^\{"note":"[^\\]*\\n(\d+)\\n.*"\}$/.exec(line)?.[1] ?? []),
  );
}
