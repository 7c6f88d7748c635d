import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { nodeCrypto, parseReceipt, type ReceiptStatement, verifyReceipt } from '@loom/ledger';
import { answerJson, answerPieces, UpstreamPlayer } from '@loom/testkit';
import type { CallAccepted, EmitterOpened } from '@loom/trace-schema';
import { ReceiptSigner, type ReceiptText } from './record/receipts.ts';
import { GatewayHarness } from './testing/gateway-harness.ts';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const chat = { model: 'gpt-x', messages: [{ role: 'user', content: 'hi' }] };
const event = 'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"one"}}]}\n\n';

/** What the receipt of an answer states, checked against the key and the call that are on the record. */
async function statedBy(gateway: GatewayHarness, response: Response): Promise<ReceiptStatement> {
  const receipt = response.headers.get('x-loom-receipt') ?? '';
  const { emitter, callId } = parseReceipt(receipt).stated;
  expect(callId).toBe(response.headers.get('x-request-id'));
  const events = await gateway.events();
  const opened = events.find(
    (found): found is EmitterOpened => found.type === 'emitter.opened' && found.emitter === emitter,
  );
  const publicKey = Buffer.from(opened?.publicKey ?? '', 'base64');
  const stated = verifyReceipt(nodeCrypto, receipt, { publicKey });
  const accepted = events.find(
    (found): found is CallAccepted => found.type === 'call.accepted' && found.call.callId === callId,
  );
  expect(stated).toEqual({
    ...{ v: 1, callId, project: accepted?.projectId, emitter: accepted?.emitter, seq: accepted?.seq },
    ...{ time: Number(BigInt(accepted?.time ?? 0) / 1_000_000n), request: accepted?.request.hash },
  });
  return stated;
}

describe('the receipt of an answer', () => {
  const suite = useGateway();

  it('is certified by the first event of its emitter', async () => {
    const [first] = await suite.gateway.events();
    expect(first).toMatchObject({ type: 'emitter.opened', projectId: 'system', seq: 1 });
  });

  it('states which call and which request are on the record', async () => {
    suite.first.play = answerJson(chatAnswer(), 200, {
      'x-loom-receipt': 'forged',
      'x-loom-other': 'forged',
    });
    const response = await suite.post('/v1/chat/completions', chat);
    expect(response.headers.get('x-loom-other')).toBeNull();
    const { request } = await statedBy(suite.gateway, response);
    expect(request).toBe(createHash('sha256').update(JSON.stringify(chat)).digest('hex'));
  });

  it('comes with streams, with answers of every dialect, and with those of the cache', async () => {
    const { gateway, first, post } = suite;
    first.play = answerPieces([event, 'data: [DONE]\n\n']);
    await statedBy(gateway, await post('/v1/chat/completions', { ...chat, stream: true }));
    const answer = { id: 'resp_r', object: 'response', status: 'completed', model: 'gpt-x', output: [] };
    first.play = answerJson(answer);
    await statedBy(gateway, await post('/v1/responses', { model: 'gpt-x', input: 'hi' }));
    const headers = { authorization: `Bearer ${gateway.token}` };
    await statedBy(gateway, await fetch(`${gateway.url}/v1/responses/resp_r`, { headers }));
    first.play = answerJson({ object: 'list', data: [{ embedding: [1] }], model: 'gpt-x' });
    await statedBy(gateway, await post('/v1/embeddings', { model: 'gpt-x', input: 'hi' }));
    first.play = answerJson({ type: 'message', content: [], model: 'claude-x', stop_reason: 'end_turn' });
    await statedBy(gateway, await post('/v1/messages', { ...chat, model: 'claude-x', max_tokens: 9 }));
    first.play = answerJson(chatAnswer('kept'));
    for (const cache of ['miss', 'hit']) {
      const response = await post('/v1/chat/completions', { ...chat, seed: 7 }, { 'x-loom-cache': 'on' });
      await response.text();
      expect(response.headers.get('x-loom-cache')).toBe(cache);
      await statedBy(gateway, response);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('comes with answers that say that it failed, once the call was accepted', async () => {
    const { gateway, first, post } = suite;
    const plays = [
      [answerJson({ error: { message: 'no', type: 'invalid_request_error' } }, 400), 400],
      [answerJson('<html>', 500), 500],
      [answerPieces([], { end: 'reset' }), 502],
      [answerPieces(['{"choi'], { stream: false, end: 'clean' }), 502],
    ] as const;
    for (const [play, status] of plays) {
      first.play = play;
      const response = await post('/v1/chat/completions', chat);
      expect(response.status).toBe(status);
      await statedBy(gateway, response);
    }
  });

  it('of calls at once are paths in one tree, each its own', async () => {
    const { gateway, first, post } = suite;
    first.play = answerJson(chatAnswer());
    const responses = await Promise.all(
      Array.from({ length: 48 }, (_, seed) => post('/v1/chat/completions', { ...chat, seed })),
    );
    const sizes = responses.map(({ headers }) => parseReceipt(headers.get('x-loom-receipt') ?? '').size);
    expect(Math.max(...sizes)).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32);
    const stated = await Promise.all(responses.map((response) => statedBy(gateway, response)));
    expect(new Set(stated.map(({ request }) => request)).size).toBe(48);
  });

  it('is not there for calls that were refused', async () => {
    const { gateway, post } = suite;
    const refused = [
      await post('/v1/chat/completions', chat, { authorization: 'Bearer nobody' }),
      await post('/v1/chat/completions', { ...chat, model: 'unknown' }),
      await post('/v1/chat/completions', { model: 'gpt-x' }),
      await post('/v1/nowhere', chat),
      await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${gateway.token}` } }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([401, 404, 400, 404, 200]);
    for (const { headers } of refused) expect(headers.get('x-loom-receipt')).toBeNull();
  });
});

describe('receipts', () => {
  it('share a signature with the calls that were put on the record before the first of them was needed', () => {
    const signer = new ReceiptSigner('emitter');
    const call = (seq: number) => ({
      callId: `c${seq}`,
      project: 'p',
      seq,
      time: 1,
      request: 'a'.repeat(64),
    });
    const early = [1, 2, 3].map((seq) => signer.claim(call(seq)));
    const placeOf = (receipt: ReceiptText): string => receipt().split('.')[2] ?? '';
    expect(placeOf(early[1] as ReceiptText)).toBe('1-3');
    const late = Array.from({ length: 40 }, (_, index) => signer.claim(call(index + 4)));
    expect(early.map(placeOf)).toEqual(['0-3', '1-3', '2-3']);
    expect(late.map(placeOf).filter((place) => /^(0|31)-/.test(place))).toEqual(['0-32', '31-32', '0-8']);
    const signatures = [...early, ...late].map((receipt) => receipt().split('.')[4]);
    expect(new Set(signatures).size).toBe(3);
  });

  it('of each start are signed with another key', async () => {
    const upstream = await UpstreamPlayer.start(answerJson(chatAnswer()));
    const loom = await GatewayHarness.start();
    await loom.provider({ baseUrl: upstream.url });
    const before = await loom.chat(chat);
    await loom.close();
    await loom.open();
    const after = await loom.chat(chat);
    const [one, two] = [await statedBy(loom, before), await statedBy(loom, after)];
    expect(one.emitter).not.toBe(two.emitter);
    const opened = (await loom.eventsOf('emitter.opened', 2)) as EmitterOpened[];
    expect(new Set(opened.map(({ publicKey }) => publicKey)).size).toBe(2);
    const publicKey = Buffer.from(
      opened.find(({ emitter }) => emitter === two.emitter)?.publicKey ?? '',
      'base64',
    );
    const receipt = before.headers.get('x-loom-receipt') ?? '';
    expect(() => verifyReceipt(nodeCrypto, receipt, { publicKey })).toThrow(
      expect.objectContaining({ reason: 'bad_signature' }),
    );
    await loom.destroy();
    await upstream.close();
  });

  it('do not hold up best-effort calls: they come when they are there', async () => {
    const upstream = await UpstreamPlayer.start();
    upstream.play = async (seen, response) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await answerJson(chatAnswer())(seen, response);
    };
    const loom = await GatewayHarness.start({}, { capture: 'best_effort' });
    await loom.provider({ baseUrl: upstream.url });
    await statedBy(loom, await loom.chat(chat));
    loom.breakOutbox();
    const unrecorded = await loom.chat(chat);
    expect(unrecorded.status).toBe(200);
    expect(unrecorded.headers.get('x-loom-receipt')).toBeNull();
    await loom.destroy();
    await upstream.close();
  });
});
