import { LoomError } from '@loom/errors';

export interface Request {
  readonly url: URL;
  readonly method: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** Its first 64 KiB. */
  readonly text: string;
}

const sendTimeoutMs = 10_000;
const answerBytesMax = 64 * 1024;

/**
 * Sends a request and reads its answer, within ten seconds in all. The user and password of the URL are sent as such.
 * Throws `unavailable`, with neither in its message, when nothing answers.
 */
export async function send({ url, method, headers, body }: Request, signal: AbortSignal): Promise<Answer> {
  const bare = new URL(url);
  [bare.username, bare.password] = ['', ''];
  try {
    const response = await fetch(bare, {
      ...{ method, body, headers: { ...basicAuth(url), ...headers } },
      // What follows a redirect with the same body could be anybody.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)]),
    });
    const contentType = response.headers.get('content-type') ?? '';
    return { status: response.status, contentType, text: await readText(response) };
  } catch (error) {
    throw new LoomError('unavailable', `${url.host} does not answer: ${reasonOf(error)}`, { cause: error });
  }
}

/** Throws for an answer that is none of success. */
export function expectSuccess({ url }: Pick<Request, 'url'>, { status, text }: Answer): void {
  if (status >= 200 && status < 300) return;
  const [line = ''] = text.split('\n');
  throw new LoomError('conflict', `${url.host} answers ${status}: ${line.slice(0, 200)}`);
}

function basicAuth({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

async function readText({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels what was not read.
  for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > answerBytesMax) break;
  }
  return Buffer.concat(pieces).subarray(0, answerBytesMax).toString();
}

// fetch says only that it failed; why stands in its cause.
function reasonOf(error: unknown): string {
  const { name, cause } = error as { readonly name?: string; readonly cause?: { readonly code?: string } };
  if (name === 'TimeoutError') return `not within ${sendTimeoutMs} ms`;
  return cause?.code ?? name ?? 'no reason';
}
