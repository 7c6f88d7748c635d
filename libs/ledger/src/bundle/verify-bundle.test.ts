import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Envelope } from '../envelope.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { cosignatureType, parseVerifierKey } from '../signed-note.ts';
import { piecesOf, TestKey, TestLog, variedLog } from '../testing/test-log.ts';
import { parsePolicy } from './bundle-policy.ts';
import type { BundleSink } from './bundle-writer.ts';
import { BundleWriter } from './bundle-writer.ts';
import { refusalOf } from './bundle-refusal.ts';
import { verifyBundle, type VerifyBundleOptions } from './verify-bundle.ts';

const verify = (
  bundle: Uint8Array,
  log: TestLog,
  options: Partial<VerifyBundleOptions> = {},
  pieceLength = 65_536,
) => verifyBundle(nodeCrypto, piecesOf(bundle, pieceLength), { keys: [log.key.verifier], ...options });

describe('a bundle', () => {
  it('is verified as it was written, and its report tells what it holds', async () => {
    const { log, start, end } = variedLog(1);
    const report = await verify(await log.bundle({ start, end, chunkLeaves: 13 }), log);
    expect(report).toMatchObject({
      verdict: 'verified',
      ...{
        origin: 'loom.example/ledger/p1',
        project: 'p1',
        start,
        end,
        size: log.size,
        isPeriodCovered: true,
      },
      leaves: {
        total: end - start,
        byKind: { 'call.accepted': 20, 'call.completed': 20, 'cost.computed': 20, 'capture.gap': 1 },
      },
      gaps: { open: 0, missing: 0, filled: 1, list: [] },
      missing: [],
      continues: null,
    });
    expect(report.payloads).toEqual({ verified: 19, erased: 21, missing: 0 }); // bob, eve, and the oldest by retention
    expect(report.texts).toEqual({ verified: 11, erased: 10, missing: 0 });
    expect(report.checkpoints.start?.size).toBe(start);
  });

  it('knows of an erasure before its leaves: a key is named while calls that use it are under way', async () => {
    const log = new TestLog();
    log.call({ userId: 'ada' });
    log.erase('ada');
    log.seal();
    const start = log.size;
    log.call({ userId: 'ada' });
    log.seal();
    const report = await verify(await log.bundle({ start }), log);
    expect(report).toMatchObject({ verdict: 'verified', payloads: { verified: 0, erased: 2, missing: 0 } });
    const untold = await verify(await log.bundle({ start, tombstones: [] }), log);
    expect(untold).toMatchObject({ verdict: 'incomplete', payloads: { erased: 0, missing: 2 } });
  });

  it('that is filtered opens nothing of other calls, says so, and may lack nothing of the calls that it opens', async () => {
    const log = new TestLog();
    const chosen = log.leaves[log.call()]?.envelope.callId;
    log.call();
    log.seal();
    const meta = { filter: 'user:ann' };
    const ofChosen = (envelope: Envelope) => envelope.callId === chosen;
    const filtered = await verify(await log.bundle({ meta, opens: ofChosen }), log);
    expect(filtered).toMatchObject({ verdict: 'verified', filter: 'user:ann', missing: [] });
    expect(filtered.leftOut).toBeGreaterThan(0);
    const without = await verify(await log.bundle({ opens: ofChosen }), log);
    expect(without).toMatchObject({ verdict: 'incomplete', leftOut: 0 });
    const partly = (envelope: Envelope, part: string) => ofChosen(envelope) && part !== 'meta';
    const torn = await verify(await log.bundle({ meta, opens: partly }), log);
    expect(torn.missing.every(({ part }) => part === 'meta')).toBe(true);
    expect(torn).toMatchObject({ verdict: 'incomplete', texts: { verified: 0 } });
  });

  it('does not cover what came after the last signature', async () => {
    const log = new TestLog();
    log.call();
    const { sealedAt } = log.seal();
    const bundleTo = async (to: number) => verify(await log.bundle({ meta: { to } }), log);
    expect(await bundleTo(sealedAt)).toMatchObject({ verdict: 'verified', isPeriodCovered: true });
    expect(await bundleTo(sealedAt + 1)).toMatchObject({ verdict: 'incomplete', isPeriodCovered: false });
  });

  it('is verified for any log, range, chunk and piece', async () => {
    const shape = fc.record({
      seed: fc.integer({ min: 1, max: 1_000_000 }),
      calls: fc.integer({ min: 0, max: 30 }),
      chunkLeaves: fc.integer({ min: 1, max: 70 }),
      piece: fc.integer({ min: 1, max: 3000 }),
      part: fc.constantFrom('all', 'from the first', 'up to the last', 'middle', 'nothing'),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ seed, calls, chunkLeaves, piece, part }) => {
        const { log, start, end } = variedLog(seed, { calls });
        const ranges = {
          all: {},
          'from the first': { end },
          'up to the last': { start },
          middle: { start, end },
          nothing: { start, end: start },
        };
        const bundle = await log.bundle({ ...ranges[part], chunkLeaves });
        const report = await verify(bundle, log, {}, piece);
        expect(report.payloads.missing + report.texts.missing).toBe(0);
        expect(report.leaves.total).toBe(report.end - report.start);
      }),
      { numRuns: 60, seed: 20_261_126 },
    );
  });

  it('says what it does not open, and which numbers never came', async () => {
    const log = new TestLog();
    log.call();
    log.gap(50, 53);
    log.fill(51);
    log.append({ id: 'lost/1', kind: 'capture.lost', counts: { lostCalls: 2, lostEvents: 5 } });
    log.append({ id: 'x/orphaned', kind: 'capture.orphaned', callId: 'x' });
    log.seal();
    const { verdict, gaps, losses, missing } = await verify(await log.bundle(), log);
    expect({ verdict, missing }).toEqual({ verdict: 'incomplete', missing: [] });
    expect(gaps).toMatchObject({ open: 2, missing: 3, filled: 0 });
    expect(gaps.list.map(({ from, to }) => [from, to])).toEqual([
      [50, 50],
      [52, 53],
    ]);
    expect(losses).toEqual({
      lostCalls: 2,
      lostEvents: 5,
      unreadable: 0,
      setAside: 0,
      orphaned: 1,
      unread: 0,
    });
  });

  it('is incomplete while an event came that is in no leaf, and no longer when it was sealed late', async () => {
    const log = new TestLog();
    log.call();
    log.unread('late/accepted');
    log.unread('lost/accepted');
    log.append({ id: 'late/accepted', kind: 'call.accepted', callId: 'late' });
    log.seal();
    const { verdict, losses, unread } = await verify(await log.bundle(), log);
    expect({ verdict, count: losses.unread, unread }).toEqual({ verdict: 'incomplete', count: 1, unread: ['lost/accepted'] }); // prettier-ignore
    log.append({ id: 'lost/accepted', kind: 'call.accepted', callId: 'lost' });
    log.seal();
    expect(await verify(await log.bundle(), log)).toMatchObject({ verdict: 'verified', unread: [] });
  });

  it('is refused when the facts of a call are others than those in its leaf', async () => {
    const row = { callId: 'c', provider: 'openai', status: 200, outcome: 'completed', routedModel: 'm' };
    const envelope = { callId: 'c', provider: 'openai', status: 200, model: 'm' };
    const log = new TestLog();
    log.facts(envelope, row);
    log.seal();
    expect(await verify(await log.bundle(), log)).toMatchObject({
      verdict: 'verified',
      texts: { verified: 1 },
    });
    for (const change of [
      { provider: 'x' },
      { status: 201 },
      { outcome: 'failed' },
      { routedModel: 'x' },
      { callId: 'x' },
    ]) {
      const other = new TestLog();
      const leaf = other.facts(envelope, { ...row, ...change });
      other.seal();
      const refused = await verify(await other.bundle(), other).catch(refusalOf);
      expect(refused).toMatchObject({ outcome: 'tampered', reason: 'wrong_facts', place: { leaf } });
    }
  });

  it('is verified as before when it was exported before the second version of `meta`', async () => {
    const testdata = join(import.meta.dirname, '../../testdata');
    const vkey = readFileSync(join(testdata, 'version-1.vkey'), 'utf8').trim();
    const bytes = readFileSync(join(testdata, 'version-1.loom'));
    const keys = [parseVerifierKey(nodeCrypto, vkey)];
    const report = await verifyBundle(nodeCrypto, piecesOf(bytes), { keys });
    expect(report).toMatchObject({
      ...{ verdict: 'verified', leaves: { total: 22 }, unread: [] },
      ...{ payloads: { verified: 12, missing: 0 }, texts: { verified: 10, missing: 0 } },
    });
  });

  it('continues each checkpoint that it shows, and says so', async () => {
    const { log, start, end } = variedLog(3);
    const bundle = await log.bundle({ start, end });
    for (const size of [start, end, log.size]) {
      const report = await verify(bundle, log, { prior: log.checkpoints.get(size)!.note });
      expect(report).toMatchObject({ verdict: 'verified', continues: size });
    }
  });

  it('continues a checkpoint of any of its leaves, and of subtrees at its edge', async () => {
    const log = new TestLog();
    const notes = new Map<number, string>();
    while (log.size < 30) {
      log.append({ id: `heartbeat/${log.size}`, kind: 'heartbeat' });
      notes.set(log.size, log.seal().note);
    }
    const bundle = await log.bundle({ start: 13, end: 24 });
    for (const [size, prior] of notes) {
      const found = await verify(bundle, log, { prior }).then(
        ({ continues }) => continues,
        (error: unknown) => refusalOf(error)?.reason,
      );
      const isShown = [8, 12, 30].includes(size) || (size >= 13 && size <= 24);
      expect([size, found]).toEqual([size, isShown ? size : 'prior_not_covered']);
    }
  });

  it('counts the witnesses of its newest checkpoint', async () => {
    const witnesses = ['w1', 'w2', 'w3'].map(
      (label) => new TestKey(`witness.example/${label}`, '', cosignatureType),
    );
    const log = new TestLog({ witnesses: witnesses.slice(0, 2) });
    log.call();
    log.seal();
    const bundle = await log.bundle();
    const policy = (quorum: number) =>
      parsePolicy(nodeCrypto, JSON.stringify({ witnesses: witnesses.map(({ vkey }) => vkey), quorum }));
    const { cosignatures } = await verify(bundle, log, { policy: policy(2) });
    expect(cosignatures.map(({ name }) => name)).toEqual(['witness.example/w1', 'witness.example/w2']);
    await expect(verify(bundle, log, { policy: policy(3) })).rejects.toMatchObject({
      reason: 'quorum_not_met',
    });
    for (const text of [
      '',
      '[]',
      '{}',
      JSON.stringify({ witnesses: [log.key.vkey], quorum: 1 }),
      JSON.stringify({ witnesses: [witnesses[0]!.vkey, witnesses[0]!.vkey], quorum: 2 }),
      JSON.stringify({ witnesses: [witnesses[0]!.vkey], quorum: 0 }),
      JSON.stringify({ witnesses: [witnesses[0]!.vkey], quorum: 2 }),
      JSON.stringify({ witnesses: ['x'], quorum: 1 }),
    ])
      expect(() => parsePolicy(nodeCrypto, text)).toThrow('policy: ');
  });

  it('is not written when it could not be verified', async () => {
    const { log, start, end } = variedLog(1);
    const sink: BundleSink = { write: () => Promise.resolve() };
    const checkpoint = log.checkpoints.get(end)!;
    const meta = {
      origin: log.origin,
      project: 'p1',
      from: 0,
      to: 1,
      start: 0,
      end,
      size: end,
      createdAt: 1,
    };
    const head = {
      meta,
      vkeys: [],
      startNote: null,
      endNote: checkpoint.note,
      newestNote: null,
      edge: [],
      consistency: [],
    };
    const writer = new BundleWriter(nodeCrypto, sink);
    await expect(writer.begin({ ...head, newestNote: 'x' })).rejects.toThrow('checkpoint');
    await writer.begin(head);
    const envelopes = log.leaves.slice(0, start).map(({ text }) => text);
    await expect(writer.chunk({ firstIndex: 1, envelopes, openings: [] })).rejects.toThrow(
      'leaf 1 where 0 is next',
    );
    const opening = log.leaves.flatMap(({ openings }) => openings).find((one) => 'bytes' in one)!;
    const openings = [{ ...opening, bytes: new Uint8Array(3) }] as never;
    await expect(writer.chunk({ firstIndex: 0, envelopes, openings })).rejects.toThrow(
      'is not what its opening says',
    );
    await expect(writer.finish([], (text) => Promise.resolve(text))).rejects.toThrow('ends with leaf');
  });
});

describe('the verifier', () => {
  it('lets go of its source when it refuses, and hands on what the source throws', async () => {
    const { log, start, end } = variedLog(1);
    const bundle = Buffer.from(await log.bundle({ start, end }));
    let isClosed = false;
    async function* source() {
      try {
        for await (const piece of piecesOf(bundle.fill(0x78, 40, 41), 512)) yield piece;
      } finally {
        isClosed = true;
      }
    }
    await expect(verifyBundle(nodeCrypto, source(), { keys: [log.key.verifier] })).rejects.toThrow('archive');
    expect(isClosed).toBe(true);
    async function* broken() {
      yield await Promise.resolve(new Uint8Array(10));
      throw new Error('disk');
    }
    await expect(verifyBundle(nodeCrypto, broken(), { keys: [log.key.verifier] })).rejects.toThrow('disk');
  });

  it('runs without node', () => {
    const seen = new Set<string>();
    const foreign = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(file, 'utf8');
      for (const [, clause = '', from = ''] of text.matchAll(
        /^(?:import|export)\s+([^;]*?)\s+from\s+'([^']+)'/gm,
      )) {
        if (clause.startsWith('type ')) continue;
        if (from.startsWith('.')) visit(join(dirname(file), from));
        else foreign.add(from);
      }
      expect(text).not.toMatch(/\bBuffer\b(?!,)/);
    };
    visit(join(import.meta.dirname, '../verify.ts'));
    expect([...foreign].sort()).toEqual(['@loom/errors', '@loom/trace-schema/stored-columns']);
    expect(seen.size).toBeGreaterThan(20);
  });
});
