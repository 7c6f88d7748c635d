import { beforeEach, describe, expect, it } from '@jest/globals';
import type { LedgerReceipt, Span } from '@loom/api-contract';
import {
  factsOf,
  inclusionProof,
  nodeCrypto,
  payloadCommitment,
  toHex,
  utf8,
  writeFacts,
  writeTlogProof,
} from '@loom/ledger';
import { TestKey, TestLog } from '@loom/ledger/testing';
import { browserCrypto } from './browser-crypto.ts';
import { checkCall, type CheckedCall, type Part } from './check-call.ts';

const contents: Readonly<Record<Part, string>> = { request: 'what is asked', response: 'what is answered' };
const usage = { inputTokens: 3, outputTokens: 4, totalTokens: 7 } as Span['usage'];

let log: TestLog;
let receipt: LedgerReceipt;
let span: Span;

/** Calls before and after it, and its own three leaves; the last has its price, 1,200 nano-dollars. */
beforeEach(() => {
  log = new TestLog();
  log.call();
  const first = log.call(contents);
  log.call();
  log.seal();
  receipt = receiptOf(first);
  span = spanOf(receipt.callId, contents);
});

function receiptOf(first: number): LedgerReceipt {
  const { size } = log;
  const { note = '' } = log.checkpoints.get(size) ?? {};
  const leaves = [first, first + 1, first + 2].map((index) => {
    const { envelope, text } = log.leaves[index]!;
    const time = new Date(envelope.time).toISOString();
    const proof = {
      index,
      hashes: inclusionProof(index, size, log.rangeHash),
      checkpoint: note,
      extra: null,
    };
    return { index, kind: envelope.kind, time, envelope: text, proof: writeTlogProof(proof), checkpointSize: size, sealedAt: time }; // prettier-ignore
  });
  const salts = log.leaves
    .slice(first, first + 2)
    .flatMap(({ envelope, openings }) =>
      openings.map(({ part, salt }) => [`${envelope.id}/${part}`, toHex(salt)] as const),
    );
  const callId = log.leaves[first]?.envelope.callId ?? '';
  return { callId, origin: log.origin, leaves, emitter: null, salts: Object.fromEntries(salts), facts: {} };
}

function spanOf(callId: string, { request = '', response = '' }: Partial<Record<Part, string>> = {}): Span {
  const cost = { totalUsd: '0.0000012' } as Span['cost'];
  return {
    ...{ callId, outcome: 'completed', requestBytes: request.length, responseBytes: response.length },
    status: 200,
    usage,
    usageConsistent: true,
    cost,
    requestHash: '',
    responseHash: null,
  } as Span;
}

const check = (changes: Partial<CheckedCall> = {}) =>
  checkCall(browserCrypto, {
    span,
    receipt,
    vkeys: [log.key.vkey],
    read: (part) => Promise.resolve(utf8(contents[part])),
    ...changes,
  });
const withLeaf = (at: number, changes: Partial<LedgerReceipt['leaves'][number]>): LedgerReceipt => ({
  ...receipt,
  leaves: receipt.leaves.map((leaf, index) => (index === at ? { ...leaf, ...changes } : leaf)),
});
const reason = (word: string) => ({ code: 'invalid_request', reason: word });

describe('checkCall', () => {
  it('finds leaves, contents and figures as they were sealed', async () => {
    expect(await check()).toEqual({
      leaves: receipt.leaves.map(({ index }) => ({ index, size: log.size })),
      signers: ['loom.example'],
      parts: { request: 'as-sealed', response: 'as-sealed' },
      facts: 'gone',
      figures: ['cost'],
    });
  });

  it.each(['request', 'response'] as const)('refuses another %s than was sealed', async (changed) => {
    const read = (part: Part) => Promise.resolve(utf8(part === changed ? 'rewritten' : contents[part]));
    await expect(check({ read })).rejects.toMatchObject(reason('wrong_payload'));
  });

  it('refuses a price that is not the sealed one', async () => {
    const dearer = { ...span, cost: { totalUsd: '0.0000013' } as Span['cost'] };
    await expect(check({ span: dearer })).rejects.toMatchObject(reason('wrong_figure'));
  });

  it.each([
    ['status', { status: 500 }],
    ['tokens', { usage: { ...usage, outputTokens: 5 } as Span['usage'] }],
    ['tokens', { usage: { ...usage, outputTokens: 5 } as Span['usage'], usageConsistent: false }],
    ['tokens', { usage: { ...usage, reasoningOutputTokens: 1 } as Span['usage'] }],
    ['tokens', { usage: { ...usage, totalTokens: 8 } as Span['usage'] }],
    ['cost', { cost: null, costState: 'unpriced' }],
  ] as const)('refuses another %s than the end of the call was sealed with', async (name, changes) => {
    const callId = 'with-figures';
    const first = log.append({ id: `${callId}/accepted`, kind: 'call.accepted', callId });
    const sealed = { inputTokens: 3, outputTokens: 4 };
    log.append({ id: `${callId}/end`, kind: 'call.completed', callId, status: 200, usage: sealed });
    log.append({ id: `${callId}/cost`, kind: 'cost.computed', callId, costNanoUsd: '1200' });
    log.seal();
    const figures = { receipt: receiptOf(first), span: spanOf(callId) };
    expect((await check(figures)).figures).toEqual(['status', 'tokens', 'cost']);
    const shown = { ...figures, span: { ...figures.span, ...changes } };
    await expect(check(shown)).rejects.toMatchObject({
      ...reason('wrong_figure'),
      message: expect.stringContaining(name) as unknown,
    });
  });

  describe('the facts of a call', () => {
    const facts = factsOf(nodeCrypto, 'spans', {
      ...{
        callId: 'with-facts',
        outcome: 'completed',
        status: 200,
        userId: 'ann',
        stream: true,
        usageSource: 'none',
      },
      ...{ startTime: '1772600400123456789', durationNanos: 1_234_567, timeToFirstChunkNanos: null },
      ...{ metadata: { team: 'search' }, parameters: { temperature: '0.5' }, usageConsistent: true },
    });
    const shown = {
      ...{
        callId: 'with-facts',
        outcome: 'completed',
        status: 200,
        userId: 'ann',
        streamed: true,
        usageSource: 'none',
      },
      timing: { startTime: '2026-03-04T05:00:00.123456Z', durationMs: 1.234567, timeToFirstChunkMs: null, gatewayOverheadMs: 0 }, // prettier-ignore
      ...{ metadata: { team: 'search' }, requestParameters: { temperature: 0.5 }, usageConsistent: true },
      ...{ traceId: '', spanId: '', keyId: '', operation: '', dialect: '', provider: '', providerKind: '' },
      ...{ requestModel: '', routedModel: '', capture: '', requestHash: '', responseHash: null },
      ...{ parentSpanId: null, wire: null, route: null, cache: null, responseModel: null, responseId: null },
      ...{ serviceTier: null, systemFingerprint: null, sessionId: null, environment: null, release: null },
      ...{ agentName: null, agentVersion: null, workflowName: null, promptName: null, promptVersion: null },
      ...{
        dropped: [],
        lostFacts: [],
        finishReasons: [],
        links: [],
        attempts: [],
        rollout: null,
        error: null,
      },
      ...{ usage: null, buckets: null, cost: null, costState: 'pending' },
      ...{ requestBytes: 0, responseBytes: 0, deliveredBytes: 0 },
    } as unknown as Span;
    const sealed = (text: string, version: object = { meta: 2 }): Partial<CheckedCall> => {
      const salt = nodeCrypto.sha256(utf8('salt'));
      const commitment = payloadCommitment(nodeCrypto, { part: 'meta', salt, payload: utf8(text) });
      const id = 'with-facts/end';
      const first = log.append({ id, kind: 'call.completed', callId: 'with-facts', status: 200, ...version, commits: { meta: toHex(commitment) } }); // prettier-ignore
      log.append({ id: 'other/1', kind: 'cost.computed', callId: 'with-facts' });
      log.append({ id: 'other/2', kind: 'cost.computed', callId: 'with-facts' });
      log.seal();
      const found = receiptOf(first);
      return {
        receipt: { ...found, salts: { [`${id}/meta`]: toHex(salt) }, facts: { [id]: text } },
        span: shown,
      };
    };
    const text = writeFacts('spans', facts);

    it('are as they were sealed, and of version 1 as far as that goes', async () => {
      expect((await check(sealed(text))).facts).toBe('as-sealed');
      expect((await check(sealed('{"userId":"ann"}', {}))).facts).toBe('version-1');
    });

    it('are refused when others are stored, or others are shown', async () => {
      const call = sealed(text);
      const receiptOfOther = { ...call.receipt!, facts: { 'with-facts/end': text.replace('ann', 'bob') } };
      await expect(check({ ...call, receipt: receiptOfOther })).rejects.toMatchObject(reason('wrong_facts'));
      const others = {
        ...{
          userId: 'bob',
          traceId: 'x',
          parentSpanId: 'x',
          metadata: {},
          requestParameters: {},
          streamed: false,
        },
        ...{
          finishReasons: ['stop'],
          route: 'x',
          cache: 'hit',
          error: { type: 't', message: '', code: null },
        },
        ...{
          timing: { ...shown.timing, durationMs: 2 },
          attempts: [{}],
          outcome: 'failed',
          requestHash: 'x',
        },
      };
      for (const [member, value] of Object.entries(others))
        await expect(check({ ...call, span: { ...shown, [member]: value } })).rejects.toMatchObject({
          ...reason('wrong_facts'),
          message: expect.stringContaining(member) as unknown,
        });
    });
  });

  it('refuses leaves of another call, a changed entry, a proof of another place, and unknown keys', async () => {
    await expect(check({ span: spanOf('another') })).rejects.toMatchObject(reason('foreign_leaf'));
    const changed = receipt.leaves[0]!.envelope.replace('"v":1', '"v":1,"x":1');
    await expect(check({ receipt: withLeaf(0, { envelope: changed }) })).rejects.toMatchObject(
      reason('not_included'),
    );
    await expect(check({ receipt: withLeaf(0, { index: 0 }) })).rejects.toMatchObject(
      reason('wrong_leaf_index'),
    );
    await expect(check({ vkeys: [new TestKey('loom.example', 'another').vkey] })).rejects.toMatchObject(
      reason('unknown_key'),
    );
  });

  it('says what cannot be compared, and takes no leaf without a proof for proven', async () => {
    const erased = { ...receipt, salts: {} };
    expect((await check({ receipt: erased })).parts).toEqual({ request: 'unopened', response: 'unopened' });
    const gone = await check({ read: () => Promise.resolve(null) });
    expect(gone.parts).toEqual({ request: 'gone', response: 'gone' });
    const unsealed = await check({ receipt: withLeaf(1, { proof: null, checkpointSize: null }) });
    expect(unsealed.leaves[1]).toEqual({ index: receipt.leaves[1]?.index, size: null });
    expect(unsealed.parts).toEqual({ request: 'as-sealed', response: 'absent' });
  });

  it('compares an answer of which only the beginning was kept, by the hash of the whole', async () => {
    const response = 'a long answer that was cut';
    const first = log.call({ ...contents, response, keep: 6 });
    log.seal();
    const cut = { receipt: receiptOf(first), read: (part: Part) => Promise.resolve(utf8(part === 'response' ? 'a long' : contents[part])) }; // prettier-ignore
    const responseHash = toHex(browserCrypto.sha256(utf8(response)));
    const shown = { ...spanOf(cut.receipt.callId, { ...contents, response }), responseHash };
    expect((await check({ ...cut, span: shown })).parts.response).toBe('as-sealed');
    const sealed = { ...shown, responseHash: log.leaves[first + 1]?.envelope.commits?.['response'] ?? '' };
    expect((await check({ ...cut, span: sealed })).parts.response).toBe('cut');
    const other = { ...shown, responseHash: toHex(browserCrypto.sha256(utf8('another'))) };
    await expect(check({ ...cut, span: other })).rejects.toMatchObject(reason('wrong_payload'));
  });
});
