import { createPlainClient } from '@loom/api-contract';
import { messageOf } from '@loom/errors';
import { type BundleReport, parseVerifierKey, refusalOf, verifyBundle } from '@loom/ledger/verify';
import { browserCrypto } from './browser-crypto.ts';

/* Verifies one bundle beside the page, which goes on meanwhile; memory does not grow with the bundle. */

export interface BundleTask {
  readonly source: File | { readonly from: string; readonly to: string };
  /** Keys that are trusted, of the deployment and of witnesses. */
  readonly vkeys: readonly string[];
  /** An older checkpoint of the log; null when there is none at hand. */
  readonly prior: string | null;
  /** Of the page: what it asks about, and where. */
  readonly projectId: string;
  readonly apiUrl: string;
}

export type BundleNews =
  | { readonly type: 'progress'; readonly bytes: number }
  | { readonly type: 'report'; readonly report: BundleReport }
  | {
      readonly type: 'refused';
      readonly refusal: NonNullable<ReturnType<typeof refusalOf>>;
      readonly message: string;
    }
  /** It could not be checked: what was given is of no use, or the connection broke. */
  | { readonly type: 'failed'; readonly message: string };

const progressEveryMs = 200;

addEventListener('message', ({ data }: MessageEvent<BundleTask>) => void run(data));

async function run(task: BundleTask): Promise<void> {
  try {
    const keys = task.vkeys.map((vkey) => parseVerifierKey(browserCrypto, vkey));
    const prior = task.prior === null ? {} : { prior: task.prior };
    const options = { keys, ...prior, nowMs: Date.now() };
    tell({ type: 'report', report: await verifyBundle(browserCrypto, bytesOf(await open(task)), options) });
  } catch (error) {
    const [refusal, message] = [refusalOf(error), messageOf(error)];
    tell(refusal ? { type: 'refused', refusal, message } : { type: 'failed', message });
  }
}

function open({ source, projectId, apiUrl }: BundleTask): Promise<ReadableStream<Uint8Array>> {
  if (source instanceof File) return Promise.resolve(source.stream());
  const urls = { queryUrl: `${apiUrl}/query`, controlUrl: `${apiUrl}/control` };
  return createPlainClient({ ...urls, apiKey: null, projectId }).exportBundle({ query: source });
}

async function* bytesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let [bytes, toldAt] = [0, 0];
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      bytes += piece.value.length;
      if (performance.now() - toldAt > progressEveryMs) {
        tell({ type: 'progress', bytes });
        toldAt = performance.now();
      }
      yield piece.value;
    }
  } finally {
    await reader.cancel();
  }
}

function tell(news: BundleNews): void {
  postMessage(news);
}
