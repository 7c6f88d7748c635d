// Prints what deploy/docker/.env.example asks for, with new secrets: `docker run --rm loom:dev deploy/docker/make-env.mjs`.
// It makes no difference where it runs; the secrets are made anew each time and are kept nowhere.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { newApiKey, newPepper } from '../../libs/control-store/dist/secrets.js';
import { newKeyText } from '../../libs/signer/dist/key-text.js';

const password = () => randomBytes(24).toString('base64url');
const made = {
  LOOM_MASTER_KEYS: () => `k1:${randomBytes(32).toString('base64')}`,
  LOOM_CONTENT_KEYS: () => `c1:${randomBytes(32).toString('base64')}`,
  LOOM_KEY_PEPPERS: () => `1:${newPepper()}`,
  LOOM_FIRST_KEY: () => newApiKey().text,
  LOOM_OPERATOR_KEY: () => newApiKey().text,
  LOOM_SESSION_SECRET: () => randomBytes(32).toString('base64url'),
  LOOM_LEDGER_SIGNER_URL: () => `note-key:${newKeyText(`loom-${randomBytes(4).toString('hex')}.local`)}`,
  LOOM_FIRST_PASSWORD: password,
};
const example = readFileSync(new URL('.env.example', import.meta.url), 'utf8');
const filled = example.replace(/^([A-Z_]+)=$/gm, (line, name) => {
  const make = made[name] ?? (name.endsWith('_PASSWORD') ? password : null);
  return make ? `${name}=${make()}` : line;
});
process.stdout.write(filled);
