import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ControlStore } from '@loom/control-store';
import { hashSecret, type MasterKeys, parseApiKey, seal } from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import type { ApiKeyRecord, KeyScope, PriceListRecord, ProviderRecord } from '@loom/trace-schema';
import { waitForUpdate } from '@pydantic/genai-prices';
import type { EnvironmentProvider } from './environment-providers.ts';
import { importGenaiPrices } from './import-genai-prices.ts';

/** The current pepper of key secrets. */
export interface Pepper {
  readonly version: number;
  readonly text: string;
}

interface FirstPerson {
  readonly email: string;
  readonly password: string | null;
}

export interface BootstrapOptions {
  readonly store: ControlStore;
  readonly masterKeys: MasterKeys;
  readonly pepper: Pepper;
  /**
   * Texts of the first key (scopes call and read) and the operator's key (read and administer), already kept in files:
   * a database that lost them in a power cut gets the same keys again.
   */
  readonly apiKey: string;
  readonly operatorKey: string;
  /** The first person and their password; the password is null once it was changed. */
  readonly firstPerson: FirstPerson | null;
  /** Told when the first password is not in use: it was changed, or the first person has another one. */
  readonly onFirstPasswordChanged: () => Promise<void>;
  readonly providers: readonly EnvironmentProvider[];
  readonly priceLists: readonly PriceListRecord[];
  readonly now?: () => number;
}

/** The ids are the same in every deployment: what was recorded is found again when the database is made anew. */
/** The organization that a deployment begins with; its operator sees there what was done to the deployment. */
export const firstOrganizationId = 'default';
const firstProjectId = 'default';

/**
 * Brings the control store to where a deployment can work, at every start: organization, project and keys when they
 * are missing, the providers of the environment as they are now, the price book of this version. Safe to repeat.
 */
export async function bootstrapControl(options: BootstrapOptions): Promise<void> {
  const { store } = options;
  const scope = { organizationId: firstOrganizationId };
  const organizations = await store.listOrganizations();
  if (!organizations.some(({ id }) => id === firstOrganizationId)) {
    await store.createOrganization({ id: firstOrganizationId, name: 'default' });
  }
  const projects = await store.listProjects(scope);
  if (!projects.some(({ id }) => id === firstProjectId)) {
    await store.createProject({
      ...scope,
      id: firstProjectId,
      name: 'default',
      capture: 'strict',
      content: 'searchable',
    });
  }
  await makeFirstKeys(options);
  await store.syncEnvironmentProviders(
    options.providers.map((provider) => sealProvider(provider, options.masterKeys)),
  );
  await store.putPriceBook(options.priceLists);
  await makeFirstPerson(options);
}

/** A key that an older version made gets the scopes that it has now. */
async function makeFirstKeys(options: BootstrapOptions): Promise<void> {
  const { store } = options;
  const known = await store.listApiKeys({ organizationId: firstOrganizationId });
  for (const record of firstKeys(options)) {
    const { id, organizationId, scopes } = record;
    const before = known.find((key) => key.id === id);
    if (!before) await store.createApiKey(record);
    else if (before.revokedAtMs === null && !isDeepStrictEqual(before.scopes, scopes))
      await store.updateApiKey({ organizationId, id }, { scopes });
  }
}

async function makeFirstPerson({
  store,
  firstPerson,
  onFirstPasswordChanged,
}: BootstrapOptions): Promise<void> {
  if (!firstPerson || firstPerson.password === null) return;
  const { email, password } = firstPerson;
  const person = { name: 'Administrator', email, password };
  if (await store.identity.createFirstPerson(person, { organizationId: firstOrganizationId })) return;
  if (!(await store.identity.checkPassword(email, password))) await onFirstPasswordChanged();
}

/** The price data of the package that is installed. */
export async function bundledPriceLists(): Promise<PriceListRecord[]> {
  const main = createRequire(import.meta.url).resolve('@pydantic/genai-prices');
  const manifest = JSON.parse(await readFile(join(main, '../../package.json'), 'utf8')) as {
    version: string;
  };
  return importGenaiPrices((await waitForUpdate()) ?? [], manifest.version);
}

function firstKeys({ apiKey, operatorKey, pepper, now = Date.now }: BootstrapOptions): ApiKeyRecord[] {
  const record = (name: string, text: string, scopes: KeyScope[]): ApiKeyRecord => {
    const parsed = parseApiKey(text);
    if (!parsed)
      throw new LoomError(
        'config_invalid',
        `the ${name} in the secrets folder is damaged; remove its file to get a new one`,
      );
    return {
      id: parsed.id,
      organizationId: firstOrganizationId,
      projectId: firstProjectId,
      name,
      scopes,
      secretHash: hashSecret(pepper.text, parsed.secret),
      pepperVersion: pepper.version,
      expiresAtMs: null,
      revokedAtMs: null,
      createdAtMs: now(),
      createdBy: { type: 'system', id: 'system', name: 'Loom' },
      ownerId: null,
    };
  };
  return [
    record('first key', apiKey, ['call', 'read']),
    record('operator key', operatorKey, ['read', 'administer']),
  ];
}

function sealProvider(
  { credential, ...provider }: EnvironmentProvider,
  masterKeys: MasterKeys,
): ProviderRecord {
  const id = `env-${provider.name}`;
  const context = { organizationId: '', recordId: id, field: 'credential' };
  return {
    ...provider,
    id,
    organizationId: null,
    models: [...provider.models],
    options: { ...provider.options },
    sealedCredential: credential === null ? null : seal(masterKeys, credential, context),
    origin: 'environment',
    enabled: true,
  };
}
