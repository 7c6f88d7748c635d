import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isLoomError, LoomError, messageOf } from '@loom/errors';
import { nodeCrypto } from '@loom/ledger';
import {
  type BundleOutcome,
  parsePolicy,
  parseVerifierKey,
  refusalOf,
  verifyBundle,
} from '@loom/ledger/verify';
import { formatBundleReport, formatRefusal } from './format-bundle-report.ts';
import { safeText } from './terminal-text.ts';

/** What a script can rely on, of `verify` alone. */
export const verifyExitCodes = {
  verified: 0,
  tampered: 1,
  incomplete: 2,
  untrusted: 3,
  usage: 4,
} as const satisfies Record<BundleOutcome | 'verified', number>;

export interface VerifyBundleRequest {
  readonly file: string;
  readonly vkeys: readonly string[];
  readonly prior?: string | undefined;
  readonly policy?: string | undefined;
  readonly json: boolean;
}

interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Checks a bundle and prints what it found; resolves with the exit code. Needs no network and no deployment. */
export async function verifyBundleFile(
  request: VerifyBundleRequest,
  { out, error: complain }: Io,
): Promise<number> {
  const { json } = request;
  try {
    const report = await check(request);
    out(json ? `${JSON.stringify(report)}\n` : formatBundleReport(report));
    return verifyExitCodes[report.verdict];
  } catch (error) {
    const refusal = refusalOf(error);
    const message = messageOf(error);
    // What nobody has foreseen is no verdict.
    const outcome = refusal?.outcome ?? (isLoomError(error) ? 'usage' : 'incomplete');
    if (json) out(`${JSON.stringify({ verdict: outcome, message, ...refusal })}\n`);
    if (refusal && !json) out(formatRefusal(refusal, message));
    if (!refusal) complain(`loom: ${safeText(message)}\n`);
    return verifyExitCodes[outcome];
  }
}

async function check({ file, vkeys, prior, policy }: VerifyBundleRequest) {
  if (vkeys.length === 0)
    throw new LoomError(
      'invalid_request',
      'no --vkey: without a key that you trust nothing can be verified. `loom ledger vkey` prints it where Loom runs; get it from there once, and not with the bundle',
    );
  const keys = vkeys.map((vkey) => parseVerifierKey(nodeCrypto, vkey));
  const priorNote = prior === undefined ? undefined : await readText(prior, '--prior');
  const policyText = policy === undefined ? undefined : await readText(policy, '--policy');
  return verifyBundle(nodeCrypto, readBundle(file), {
    ...{ keys, nowMs: Date.now() },
    ...(priorNote !== undefined && { prior: priorNote }),
    ...(policyText !== undefined && { policy: parsePolicy(nodeCrypto, policyText) }),
  });
}

async function* readBundle(file: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* createReadStream(file) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new LoomError('invalid_request', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function readText(file: string, option: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new LoomError('invalid_request', `${option} ${file}: ${messageOf(error)}`, { cause: error });
  }
}
