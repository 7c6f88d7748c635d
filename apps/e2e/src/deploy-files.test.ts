import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

/** What can be told of the files of a deployment without the tools that they are for. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const unique = (names: Iterable<string>) => [...new Set(names)].sort();
const matches = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([all, one]) => one ?? all);

interface Compose {
  readonly services: Record<
    string,
    {
      readonly profiles: readonly string[];
      readonly command?: readonly string[];
      readonly environment?: Record<string, string>;
      readonly healthcheck?: object;
      readonly image?: string;
      readonly read_only?: boolean;
      readonly cap_drop?: readonly string[];
      readonly cap_add?: readonly string[];
      readonly security_opt?: readonly string[];
      readonly user?: string;
      readonly volumes?: readonly string[];
    }
  >;
  readonly volumes: Record<string, unknown>;
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const apps = Object.entries(compose.services).filter(([, { command }]) => command?.[0]?.startsWith('apps/'));

function sourcesOf(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const source = join(folder, name, 'src');
    return readdirSync(join(root, source), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
      .map((path) => read(join(source, path)));
  });
}

/** Every metric that the code makes; the lag of a group has its name from the group. */
function metricsOfTheCode(): ReadonlySet<string> {
  const source = [...sourcesOf('apps'), ...sourcesOf('libs')].join('\n');
  const groups = matches(source, /\bgroup: '([a-z]+)'/g);
  return new Set([
    ...matches(source, /'(loom_[a-z_]+)'/g),
    ...['lag_records', 'dead_letters_total']
      .filter((noun) => source.includes(`\`loom_\${group}_${noun}\``))
      .flatMap((noun) => groups.map((group) => `loom_${group}_${noun}`)),
  ]);
}

/** The variables that an app reads, by the files that read them. */
function variablesOf(app: string): string[] {
  const files = app === 'console' ? ['src/config.ts', 'server/main.mjs'] : ['src/config.ts'];
  if (app === 'control') files.push('src/migrate.main.ts');
  if (app === 'ledger') files.push('src/anchor/anchor-settings.ts');
  return unique(files.flatMap((file) => matches(read(`apps/${app}/${file}`), /\bLOOM_[A-Z_]+\b/g)));
}

/** `apps/gateway/dist/drain.main.js` is made of `apps/gateway/src/drain.main.ts`. */
function sourceOf(entry: string): string {
  return entry.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
}

describe('docker-compose.yml', () => {
  it('has the servers alone in one profile and everything in the other', () => {
    const inProfile = (profile: string) =>
      Object.keys(compose.services).filter((name) => compose.services[name]?.profiles.includes(profile));
    expect(inProfile('servers').sort()).toEqual(['clickhouse', 'kafka', 'postgres', 'redis']);
    expect(inProfile('full')).toEqual(Object.keys(compose.services));
  });

  it('starts processes that are there, with variables that they read, on a root that cannot be written', () => {
    expect(apps.length).toBeGreaterThan(6);
    for (const [name, service] of apps) {
      const entry = service.command?.[0] ?? '';
      expect(read(sourceOf(entry)).length).toBeGreaterThan(0);
      const known = variablesOf(entry.split('/')[1] ?? '');
      const given = Object.keys(service.environment ?? {}).filter((variable) => variable.startsWith('LOOM_'));
      expect({ name, unknown: given.filter((variable) => !known.includes(variable)) }).toEqual({
        name,
        unknown: [],
      });
      expect({ name, readOnly: service.read_only }).toEqual({ name, readOnly: true });
    }
  });

  it('gives every container a root that cannot be written, and no capability that it does not need', () => {
    const entry = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'];
    for (const [name, service] of Object.entries(compose.services)) {
      const {
        read_only: readOnly,
        cap_drop: dropped,
        cap_add: kept = [],
        security_opt: options,
        image = '',
      } = service;
      expect({ name, readOnly, dropped, options }).toEqual({
        ...{ name, readOnly: true, dropped: ['ALL'], options: ['no-new-privileges:true'] },
      });
      const isServer = ['clickhouse', 'postgres', 'redis'].includes(name);
      expect({ name, kept }).toEqual({ name, kept: isServer ? entry : [] });
      expect({ name, image }).toEqual({ name, image: expect.stringMatching(/^\$\{LOOM_[A-Z_]*IMAGE:-/) });
    }
  });

  it('lets each service into the database as a role of its own', () => {
    const users = Object.entries(compose.services).flatMap(([name, { environment = {} }]) => {
      const user = /^postgres:\/\/(\w+):\$\{(\w+)/.exec(environment.LOOM_CONTROL_STORE_URL ?? '');
      return user ? [[name, user[1], user[2]]] : [];
    });
    expect(users).toEqual([
      ['migrate', 'loom', 'LOOM_POSTGRES_PASSWORD'],
      ['ledger', 'loom_ledger', 'LOOM_POSTGRES_LEDGER_PASSWORD'],
      ['query', 'loom_query', 'LOOM_POSTGRES_QUERY_PASSWORD'],
      ['control', 'loom_control', 'LOOM_POSTGRES_CONTROL_PASSWORD'],
    ]);
    const roles = read('deploy/postgres/roles.sql');
    for (const [, user] of users.slice(1)) expect(roles).toContain(`ALTER ROLE ${user} PASSWORD`);
  });

  it('gives the signing key to the ledger alone', () => {
    const holders = Object.entries(compose.services).filter(
      ([, { environment = {} }]) => 'LOOM_LEDGER_SIGNER_URL' in environment,
    );
    expect(holders.map(([name]) => name)).toEqual(['ledger']);
    const query = Object.keys(compose.services.query?.environment ?? {});
    expect(query.filter((name) => /MASTER|SIGNER|FIRST|OPERATOR/.test(name))).toEqual([]);
  });

  it('has a health check for whatever stays, and a name for each volume', () => {
    const unchecked = Object.keys(compose.services).filter((name) => !compose.services[name]?.healthcheck);
    expect(unchecked).toEqual(['roles', 'migrate']);
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
    const named = mounted.map((volume) => volume.split(':')[0] ?? '').filter((from) => !from.startsWith('.'));
    expect(unique(named)).toEqual(Object.keys(compose.volumes).sort());
  });

  it('asks for every secret and gives none a default', () => {
    const asked = matches(
      read('docker-compose.yml'),
      /\$\{(LOOM_[A-Z_]*(?:PASSWORD|KEYS?|PEPPERS|SECRET))\b/g,
    );
    const text = read('docker-compose.yml');
    expect(unique(asked).filter((name) => text.includes(`\${${name}:-`))).toEqual([]);
    const example = read('deploy/docker/.env.example');
    for (const name of unique(asked)) expect(example).toMatch(new RegExp(`^${name}=$`, 'm'));
  });
});

describe('deploy/helm/loom', () => {
  const chart = 'deploy/helm/loom';
  const templates = readdirSync(join(root, chart, 'templates')).map((file) =>
    read(`${chart}/templates/${file}`),
  );
  const text = templates.join('\n');

  it('names variables that an app reads, and takes secrets that values.yaml tells of', () => {
    const suffixed = /_(MIGRATE|INGEST|QUERY|LEDGER|CONTROL)$/;
    const named = unique(matches(text, /\bLOOM_[A-Z_]+\b/g));
    const known = ['gateway', 'ingest', 'pricing', 'ledger', 'query', 'control', 'console'].flatMap(
      variablesOf,
    );
    const unknown = named.filter(
      (name) => !known.includes(name) && !known.includes(name.replace(suffixed, '')),
    );
    expect(unknown).toEqual([]);
    expect(named.length).toBeGreaterThan(15);
    const secrets = matches(text, /secrets: \[([^\]]+)\]/g).flatMap((list) => list.split(/,\s*/));
    const keys = secrets.map((pair) => pair.trim().split('=').at(-1) ?? '');
    const told = matches(read(`${chart}/values.yaml`), /\bLOOM_[A-Z_]+\b/g);
    expect(unique(keys).filter((key) => !told.includes(key))).toEqual([]);
  });

  it('gives the signing key to the ledger alone, and closes where clouds hand out credentials', () => {
    const lists = [
      ...text.matchAll(/^(\w+):\n {2}entry: [^\n]+\n(?: {2}[^\n]*\n)*? {2}secrets: (\[[^\]]*\])/gm),
    ];
    expect(lists).toHaveLength(7);
    expect(lists.filter(([, , secrets]) => secrets?.includes('SIGNER')).map(([, name]) => name)).toEqual([
      'ledger',
    ]);
    const { networkPolicy } = parse(read(`${chart}/values.yaml`)) as { networkPolicy: { metadataAddresses: { v4: string[] } } }; // prettier-ignore
    expect(networkPolicy.metadataAddresses.v4).toEqual(
      expect.arrayContaining(['169.254.0.0/16', '100.100.100.200/32']),
    );
    expect(text).toContain('except: {{ toJson $policy.metadataAddresses.v4 }}');
    expect(text).not.toMatch(/egress:\n(?:[^\n]*\n)*? +- \{\}/);
  });

  it('starts processes that are there', () => {
    const entries = unique(matches(text, /apps\/[a-z]+\/(?:dist|server)\/[a-z.]+\.m?js/g));
    expect(entries).toHaveLength(9);
    for (const entry of entries) expect(read(sourceOf(entry)).length).toBeGreaterThan(0);
  });

  it('has values that its schema knows', () => {
    const values = parse(read(`${chart}/values.yaml`)) as object;
    const schema = JSON.parse(read(`${chart}/values.schema.json`)) as { properties: object };
    expect(Object.keys(values).filter((name) => !(name in schema.properties))).toEqual([]);
  });
});

describe('deploy/observability', () => {
  interface Rules {
    readonly groups: {
      readonly rules: { alert: string; expr: string; annotations: { runbook: string } }[];
    }[];
  }
  const rules = (parse(read('deploy/observability/prometheus-rules.yaml')) as Rules).groups.flatMap(
    (group) => group.rules,
  );
  const board = read('deploy/observability/grafana-dashboard.json');

  it('asks for metrics that the code makes', () => {
    const known = metricsOfTheCode();
    const asked = unique(
      [...rules.map(({ expr }) => expr), board].flatMap((text) => matches(text, /\bloom_[a-z_]+/g)),
    ).map((name) => name.replace(/_bucket$/, ''));
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
    const { panels } = JSON.parse(board) as { panels: { targets: object[] }[] };
    expect(panels.every(({ targets }) => targets.length > 0)).toBe(true);
  });

  it('has a section of the runbook for each alert', () => {
    const headings = matches(read('docs/runbook.md'), /^#+ (.+)$/gm).map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
    const links = rules.map(({ annotations }) => annotations.runbook.replace('docs/runbook.md#', ''));
    expect(unique(links).filter((link) => !headings.includes(link))).toEqual([]);
  });
});
