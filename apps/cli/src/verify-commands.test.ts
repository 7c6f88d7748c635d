import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestKey, variedLog } from '@loom/ledger/testing';
import { runCli } from './program.ts';

const run = promisify(execFile);
const app = join(import.meta.dirname, '..');
const { log, start, end } = variedLog(5);
const vkey = log.key.vkey;
const stranger = new TestKey('loom.example', 'of somebody else').vkey;

/** An empty directory, in which there are only the verifier and what is to be verified. */
let directory: string;
let tool: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'loom-verify-'));
  tool = join(directory, 'loom-verify.mjs');
  await run(process.execPath, [join(app, 'node_modules/rolldown/bin/cli.mjs'), '-c', '-o', tool], {
    cwd: app,
  });
  const bundle = await log.bundle({ start, end });
  const write = async (name: string, content: string | Uint8Array) =>
    writeFile(join(directory, name), content);
  await write('good.loom', bundle);
  await write('cut.loom', bundle.subarray(0, 20_000));
  const at = bundle.indexOf('cost.computed');
  await write('changed.loom', Buffer.from(bundle).fill('C', at, at + 1));
  log.gap(900_000, 900_001);
  log.seal();
  await write('gap.loom', await log.bundle({ start: end }));
  await write('old.note', log.checkpoints.get(start)!.note);
  await write('policy.json', JSON.stringify({ witnesses: [], quorum: 1 }));
});

afterAll(async () => rm(directory, { recursive: true }));

const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  [
    'what is as it was sealed',
    ['good.loom', '--vkey', vkey],
    0,
    /^VERIFIED[^]*leaves +\d+ verified[^]*checkpoint/,
  ],
  [
    'what continues an old checkpoint',
    ['good.loom', '--vkey', vkey, '--prior', 'old.note'],
    0,
    /continues the checkpoint/,
  ],
  ['what was changed', ['changed.loom', '--vkey', vkey], 1, /^TAMPERED[^]*reason +wrong_end_root/],
  ['what was cut', ['cut.loom', '--vkey', vkey], 2, /^INCOMPLETE[^]*reason +cut_short/],
  [
    'what has an open gap',
    ['gap.loom', '--vkey', vkey],
    2,
    /^INCOMPLETE[^]*OPEN GAP +gw-5: 900000 to 900001/,
  ],
  ['what another key has signed', ['good.loom', '--vkey', stranger], 3, /^UNTRUSTED[^]*reason +unknown_key/],
  ['no key', ['good.loom'], 4, /loom ledger vkey/],
  ['a key that is none', ['good.loom', '--vkey', 'x'], 4, /malformed verifier key/],
  ['a file that is not there', ['none.loom', '--vkey', vkey], 4, /none\.loom cannot be read/],
  ['a policy that is none', ['good.loom', '--vkey', vkey, '--policy', 'policy.json'], 4, /malformed_policy/],
  ['an option that it has not', ['good.loom', '--vkeys', vkey], 4, /--vkeys/],
];

describe('loom-verify.mjs', () => {
  const verify = async (args: readonly string[]) => {
    try {
      const { stdout, stderr } = await run(process.execPath, [tool, ...args], { cwd: directory, env: {} });
      return { code: 0, text: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, text: stdout + stderr };
    }
  };

  it.each(cases)('tells of %s', async (_what, args, code, text) => {
    expect(await verify(args)).toEqual({ code, text: expect.stringMatching(text) as unknown });
  });

  it('is one file', async () => {
    expect((await readdir(directory)).filter((name) => /js$/.test(name))).toEqual(['loom-verify.mjs']);
    const { code, text } = await verify(['good.loom', '--vkey', vkey, '--json']);
    expect([code, JSON.parse(text)]).toMatchObject([0, { verdict: 'verified', start, end }]);
  });
});

describe('loom-verify.mjs --json', () => {
  it.each([[['--json']], [['good.loom', '--json', '--vkeys', 'x']]])(
    'is one JSON value for %j',
    async (args) => {
      const failed = await run(process.execPath, [tool, ...args], { cwd: directory, env: {} }).catch(
        (error: unknown) => error as { code: number; stdout: string },
      );
      expect(failed).toMatchObject({ code: 4 });
      expect(JSON.parse(failed.stdout)).toMatchObject({ verdict: 'usage' });
    },
  );
});

describe('loom verify bundle', () => {
  it.each(cases)('tells of %s', async (_what, args, code, text) => {
    let printed = '';
    const print = (more: string) => void (printed += more);
    const named = args.map((arg) => (/\.(?:loom|note|json)$/.test(arg) ? join(directory, arg) : arg));
    const noConfig = () => {
      throw new Error('it needs no configuration');
    };
    const io = { out: print, error: print, signal: new AbortController().signal };
    expect(await runCli(['verify', 'bundle', ...named], noConfig, io)).toBe(code);
    expect(printed).toMatch(text);
  });
});
