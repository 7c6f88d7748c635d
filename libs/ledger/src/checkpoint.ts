import { LoomError } from '@loom/errors';
import { fromBase64, fromDecimal, toBase64 } from './bytes.ts';
import { hashBytes } from './merkle-hash.ts';

/*
 * C2SP tlog-checkpoint, the text of a signed note:
 *
 *   origin "\n" size (decimal) "\n" base64(root hash) "\n" ( extension "\n" )*
 */
export interface Checkpoint {
  /** Which log this is: `<deployment>/ledger/<project>`. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly extensions: readonly string[];
}

const refuse = (why: string) =>
  new LoomError('invalid_request', `malformed checkpoint: ${why}`, { reason: 'malformed_checkpoint' });

export function writeCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const text = [origin, String(size), toBase64(root), ...extensions].map((line) => `${line}\n`).join('');
  parseCheckpoint(text);
  return text;
}

/** Reads the text of a note. Throws `invalid_request` for what is no checkpoint. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw refuse('its last line does not end');
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  if (origin === '') throw refuse('it has no origin');
  const size = fromDecimal(sizeText);
  if (size === null) throw refuse(`"${sizeText.slice(0, 40)}" is no size`);
  const root = fromBase64(rootText);
  if (root?.length !== hashBytes) throw refuse('its root is no base64 of 32 bytes');
  if (extensions.includes('')) throw refuse('an extension line is empty');
  return { origin, size, root, extensions };
}
