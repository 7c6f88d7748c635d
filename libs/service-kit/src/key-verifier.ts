import { parsePeppers, verifyApiKey } from '@loom/control-store/secrets';
import type { ControlFeed } from './control-feed.ts';
import { keyPrincipal, type VerifyKey } from './principal.ts';

/** Checks API keys against the control feed. `peppers` as LOOM_KEY_PEPPERS has them. */
export function keyVerifier(feed: ControlFeed, peppers: string): VerifyKey {
  const known = parsePeppers(peppers);
  return (token) => {
    const { record, fault } = verifyApiKey(token, {
      findKey: (id) => feed.snapshot.apiKey(id),
      peppers: known,
      nowMs: Date.now(),
    });
    return record && !fault ? keyPrincipal(record) : null;
  };
}
