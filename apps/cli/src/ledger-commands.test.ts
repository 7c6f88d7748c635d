import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Erasure, Project, ProvenLeaf } from '@loom/api-contract';
import {
  leafHash,
  nodeCrypto,
  publicKeyOf,
  receiptMessage,
  type ReceiptStatement,
  signEd25519,
  toBase64,
  utf8,
  writeCheckpoint,
  writeEnvelope,
  writeReceipt,
  writeStatement,
  writeTlogProof,
  type Envelope,
} from '@loom/ledger';
import { TestKey } from '@loom/ledger/testing';
import { readConfig } from './config.ts';
import { runCli } from './program.ts';

const project: Project = {
  ...{ id: 'p1', name: 'p', capture: 'strict', content: 'searchable', cacheTtlSeconds: null },
  retention: { contentDays: null, metadataDays: null, hold: true },
};
const erasure: Erasure = {
  ...{ id: 'e1', projectId: 'p1', state: 'requested', spans: 0, payloads: 0 },
  ...{
    requestedAt: '2026-11-22T10:00:00Z',
    before: null,
    keysGoneAt: null,
    rowsGoneAt: null,
    completeAt: null,
  },
};

const key = new TestKey('loom.example');
const stranger = new TestKey('loom.example', 'of somebody else').vkey;
const body = Buffer.from('{"model":"m"}');
const seed = Buffer.alloc(32, 3);
const stated: ReceiptStatement = {
  ...{ v: 1, callId: 'c1', project: 'p1', emitter: 'em', seq: 7, time: 1_800_000_000_000 },
  request: createHash('sha256').update(body).digest('hex'),
};

/** The only leaf of a log. */
function proven(log: string, envelope: Omit<Envelope, 'v' | 'project' | 'time'>): ProvenLeaf {
  const text = writeEnvelope({ v: 1, project: log, time: stated.time, ...envelope });
  const root = leafHash(nodeCrypto, utf8(text));
  const checkpoint = key.note(
    writeCheckpoint({ origin: `loom.example/ledger/${log}`, size: 1, root, extensions: [] }),
  );
  return {
    ...{ index: 0, kind: envelope.kind, time: '2027-01-15T08:00:00.000Z', envelope: text, checkpointSize: 1 },
    ...{ sealedAt: '2027-01-15T08:00:00.000Z' },
    proof: writeTlogProof({ index: 0, hashes: [], checkpoint, extra: null }),
  };
}

const { emitter, callId, seq } = stated;
const publicKey = toBase64(publicKeyOf(seed));
const found = {
  ...{ callId, origin: 'loom.example/ledger/p1', salts: {}, facts: {} },
  leaves: [proven('p1', { id: `${callId}/accepted`, kind: 'call.accepted', callId, emitter, seq })],
  emitter: proven('system', { id: `emitter/${emitter}`, kind: 'emitter.opened', emitter, publicKey }),
};

function receiptOf(statement: ReceiptStatement, signer: Uint8Array = seed): string {
  const text = writeStatement(statement);
  const root = toBase64(leafHash(nodeCrypto, utf8(text)));
  const signature = signEd25519(signer, utf8(receiptMessage(statement.emitter, 1, root)));
  const base64Url = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64url');
  return writeReceipt({
    ...{ statement: base64Url(text), index: 0, size: 1, path: '', signature: base64Url(signature) },
  });
}

const answers: Record<string, unknown> = {
  'GET /v1/ledger': { name: 'loom.example', vkeys: [key.vkey], logs: [] },
  'GET /v1/ledger/receipts/c1': found,
  'GET /v1/ledger/receipts/c2': { ...found, callId: 'c2', leaves: [] },
  'GET /v1/erasure-preview': { spans: 1, payloads: 2 },
  'POST /v1/erasures': erasure,
  'GET /v1/projects': { projects: [project] },
};

let server: Server;
let url: string;
let directory: string;
let lines: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const line = `${request.method} ${request.url}`;
    lines.push(line);
    if (line.startsWith('GET /v1/ledger/bundle')) {
      response.end('a bundle');
      return;
    }
    const answer = answers[line.split('?')[0] ?? ''];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error: { code: 'not_found', message: 'nothing here' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  directory = await mkdtemp(join(tmpdir(), 'loom-ledger-cli-'));
});
beforeEach(() => {
  lines = [];
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

async function run(args: string[]) {
  let [out, error] = ['', ''];
  const code = await runCli(args, () => readConfig({ LOOM_QUERY_URL: url, LOOM_API_KEY: 'k' }), {
    out: (text) => (out += text),
    error: (text) => (error += text),
    signal: new AbortController().signal,
  });
  return { code, out, error };
}

describe('loom export', () => {
  it('writes the bundle, whole', async () => {
    const file = join(directory, 'x.loom');
    expect(await run(['export', '--from', '1h', '--out', file])).toMatchObject({ code: 0 });
    expect(await readFile(file, 'utf8')).toBe('a bundle');
    expect(await readdir(directory)).toEqual(['x.loom']);
  });

  it.each([
    [['--from', '1h', '--out', '/nonexistent/x.loom'], /--out \/nonexistent\/x\.loom: .*ENOENT/],
    [['--from', '1h', '--out', '/dev/null'], '--out /dev/null: it is there and is no regular file'],
    [['--from', '2026-02-30T00:00:00Z', '--out', 'x'], '"2026-02-30T00:00:00Z" is no time'],
    [['--from', '2026/02/01', '--out', 'x'], '"2026/02/01" is no time'],
    [['--from', 'now', '--out', 'x'], '"now" is no time'],
  ])('is used wrongly: %j', async (args, message) => {
    const { code, error } = await run(['export', ...args]);
    expect(error).toMatch(message);
    expect(code).toBe(4);
    expect(lines).toEqual([]);
  });
});

describe('loom erase', () => {
  it('counts in the project that it is for', async () => {
    const { out } = await run(['erase', '--user', 'ann', '--dry-run', '--project', 'p1']);
    expect(out).toContain('2 payloads of 1 calls');
    expect(lines).toEqual(['GET /v1/erasure-preview?userId=ann&projectId=p1']);
  });

  it('says that it waits while the project is under a legal hold', async () => {
    expect((await run(['erase', '--user', 'ann'])).out).toMatch(
      /Erasure e1 is requested[^]*waits while the hold/,
    );
    const { out } = await run(['erase', '--user', 'ann', '--json']);
    expect(JSON.parse(out)).toEqual({ ...erasure, onHold: true });
  });
});

describe('loom verify receipt', () => {
  let [request, another] = ['', ''];
  beforeAll(async () => {
    [request, another] = [join(directory, 'request.json'), join(directory, 'another.json')];
    await writeFile(request, body);
    await writeFile(another, '{}');
  });
  const good = receiptOf(stated);

  it.each<[string, number, () => string[], string | RegExp]>([
    ['what is as it was signed', 0, () => [good, '--request', request], 'Verified: call c1'],
    ['one of several keys', 0, () => [good, '--vkey', stranger, '--vkey', key.vkey], 'Verified: call c1'],
    ['another request', 1, () => [good, '--request', another], 'another request'],
    ['another signer', 1, () => [receiptOf(stated, Buffer.alloc(32, 4))], 'signature'],
    ['a statement of another time', 1, () => [receiptOf({ ...stated, time: 1 })], 'another call'],
    [
      'a call that is not sealed yet',
      2,
      () => [receiptOf({ ...stated, callId: 'c2' })],
      'not under a checkpoint',
    ],
    ['a call of nobody', 2, () => [receiptOf({ ...stated, callId: 'c3' })], 'nothing here'],
    ['a key that is not trusted', 3, () => [good, '--vkey', stranger], 'not signed by a known key'],
    ['a key that is none', 4, () => [good, '--vkey', 'x'], 'malformed verifier key'],
    ['what is no receipt', 4, () => ['v1.x'], 'the receipt is not valid'],
    ['a file that is not there', 4, () => [good, '--request', '/nope'], /--request \/nope: .*ENOENT/],
    ['an id that leads elsewhere', 4, () => [receiptOf({ ...stated, callId: '..' })], '".." is no id'],
  ])('tells of %s', async (_what, code, args, message) => {
    const { out, error, ...result } = await run(['verify', 'receipt', ...args()]);
    expect(out + error).toMatch(message);
    expect(result.code).toBe(code);
    expect(lines.every((line) => /^GET \/v1\/ledger(\/receipts\/c\d)?$/.test(line))).toBe(true);
  });
});
