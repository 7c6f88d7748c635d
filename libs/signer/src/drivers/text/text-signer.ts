import { LoomError } from '@loom/errors';
import { parseKeyText } from '../../key-text.ts';
import type { Signer } from '../../signer.ts';

const keysMax = 8;

/** Keys in the URL itself, for where secrets are variables: `note-key:<key>[,<key>]`, the newest first. */
export function openTextSigner(url: URL): Promise<Signer> {
  const texts = decodeURIComponent(url.pathname).split(',');
  if (texts.length > keysMax)
    return Promise.reject(new LoomError('config_invalid', `signing keys: more than ${keysMax}`));
  const keys = texts.map((text) => parseKeyText(text.trim()));
  if (keys.some(({ name }) => name !== keys[0]?.name))
    return Promise.reject(new LoomError('config_invalid', 'signing keys: they have different names'));
  return Promise.resolve({ keys: () => Promise.resolve(keys), close: () => Promise.resolve() });
}
