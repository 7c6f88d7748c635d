import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '../../..');

interface Manifest {
  readonly name: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly nx: { readonly tags: readonly string[] };
}
const packages = new Map(
  globSync('{apps,libs}/*/package.json', { cwd: root }).map((file) => {
    const manifest = JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest;
    return [manifest.name, { folder: dirname(file), ...manifest }] as const;
  }),
);
const cases = [...packages.values()].map((one) => [one.folder, one] as const);

// The law: what the code of a kind may import. Test code may import everything.
const law: Record<string, readonly string[]> = {
  schema: ['schema'],
  core: ['schema', 'core'],
  port: ['schema'],
  kit: ['schema', 'kit'],
  service: ['schema', 'kit', 'core', 'port'],
  app: ['schema', 'kit', 'core', 'port', 'service'],
  test: ['schema', 'kit', 'core', 'port', 'service', 'app', 'test'],
};
const kinds: Record<string, string> = {
  'libs/trace-schema': 'schema',
  'libs/api-contract': 'schema',
  'libs/errors': 'schema',
  'libs/event-stream': 'port',
  'libs/trace-store': 'port',
  'libs/control-store': 'port',
  'libs/counter-store': 'port',
  'libs/engine-host': 'port',
  'libs/providers': 'core',
  'libs/ledger': 'core',
  'libs/signer': 'port',
  'libs/pricing': 'core',
  'libs/routing': 'core',
  'libs/config': 'kit',
  'libs/http-server': 'kit',
  'libs/telemetry': 'kit',
  'libs/service-kit': 'service',
  'libs/testkit': 'test',
  'apps/e2e': 'test',
};
const kindOf = (name: string) =>
  packages
    .get(name)
    ?.nx.tags.find((tag) => tag.startsWith('type:'))
    ?.slice('type:'.length) ?? 'none';
const framework = /^(@nestjs\/.+|rxjs|reflect-metadata)$/;
// They start other apps as processes of their own; what standalone imports of them, the linter restricts.
const starters = ['apps/standalone', 'apps/bench'];
const isTestCode = (file: string) => /\.test\.ts$|\/src\/testing\//.test(file);

describe('package.json', () => {
  it.each(cases)('%s has the tag of its kind', (folder, { name }) => {
    expect(kindOf(name)).toBe(kinds[folder] ?? (folder.startsWith('apps/') ? 'app' : 'a kind in this table'));
  });

  it.each(cases)('%s depends on what the law allows', (folder, { name, dependencies = {} }) => {
    const allowed = law[kindOf(name)] ?? [];
    const broken = Object.keys(dependencies).filter((other) => {
      if (packages.has(other)) {
        const isStarted = starters.includes(folder) && kindOf(other) === 'app';
        return !allowed.includes(kindOf(other)) && !isStarted;
      }
      return framework.test(other) && folder.startsWith('libs/') && folder !== 'libs/service-kit';
    });
    expect(broken).toEqual([]);
  });

  it.each(cases)('%s declares every workspace package that it imports', (folder, manifest) => {
    const undeclared = globSync(`${folder}/src/**/*.ts`, { cwd: root }).flatMap((file) => {
      const declared = { ...manifest.dependencies, ...(isTestCode(file) && manifest.devDependencies) };
      const imports = readFileSync(join(root, file), 'utf8').matchAll(
        /(?:^(?:import|export|}).* from |import\(|resolve\()'(@loom\/[a-z-]+)/gm,
      );
      return [...imports]
        .filter(([, name = '']) => name !== manifest.name && !(name in declared))
        .map(([, name]) => `${file}: ${name}`);
    });
    expect(undeclared).toEqual([]);
  });
});

describe('eslint', () => {
  const planted: Record<string, { file: string; code: string; rule: string; message: string }> = {
    'a schema lib that imports a port': {
      file: 'libs/trace-schema/src/usage.ts',
      code: "export { openEngineHost } from '@loom/engine-host';",
      rule: '@nx/enforce-module-boundaries',
      message: 'type:schema',
    },
    'an app that imports another app': {
      file: 'apps/query/src/live-tail.ts',
      code: "export { AppModule } from '@loom/app-control/service';",
      rule: '@nx/enforce-module-boundaries',
      message: 'type:app',
    },
    'more of an app than its AppModule in standalone': {
      file: 'apps/standalone/src/main.ts',
      code: "export { Middleware } from '@loom/app-gateway/middleware';",
      rule: 'no-restricted-imports',
      message: 'AppModule',
    },
    'the testkit in an app': {
      file: 'apps/query/src/live-tail.ts',
      code: "export { UpstreamPlayer } from '@loom/testkit';",
      rule: '@nx/enforce-module-boundaries',
      message: 'type:app',
    },
    'Nest in a lib': {
      file: 'libs/pricing/src/price-book.ts',
      code: "export { Injectable } from '@nestjs/common';",
      rule: 'no-restricted-imports',
      message: 'Libs know no framework',
    },
    'pg outside of drivers': {
      file: 'libs/control-store/src/open.ts',
      code: "export { Pool } from 'pg';",
      rule: 'no-restricted-imports',
      message: 'drivers/<name>/',
    },
    'process.env in a lib': {
      file: 'libs/config/src/load-config.ts',
      code: "export const home = process.env['LOOM_HOME'];",
      rule: 'n/no-process-env',
      message: 'process.env',
    },
    'a gen_ai literal': {
      file: 'libs/providers/src/sse.ts',
      code: "export const key = 'gen_ai.request.model';",
      rule: 'no-restricted-syntax',
      message: 'semconv.ts',
    },
    'a cycle': {
      file: 'libs/errors/src/codes.ts',
      code: "export { LoomError } from './loom-error.ts';",
      rule: 'import-x/no-cycle',
      message: 'cycle',
    },
    'a mocked module': {
      file: 'libs/config/src/load-config.test.ts',
      code: "import { jest } from '@jest/globals';\njest.mock('./load-config.ts');",
      rule: 'no-restricted-syntax',
      message: 'No mocks',
    },
  };
  let found: Record<string, { ruleId: string; message: string }[]>;

  beforeAll(() => {
    // In a process of its own: the linter loads its plugins in ways that the modules of a test run do not know.
    const script = `
      import { ESLint } from 'eslint';
      const eslint = new ESLint();
      const found = {};
      for (const [name, { file, code }] of Object.entries(JSON.parse(process.argv[1]))) {
        found[name] = (await eslint.lintText(code, { filePath: file }))[0].messages;
      }
      console.log(JSON.stringify(found));`;
    const output = execFileSync(
      process.execPath,
      ['--input-type=module', '-e', script, JSON.stringify(planted)],
      {
        cwd: root,
        encoding: 'utf8',
        // With CI set the parser would take the files from the disk in place of the planted text.
        env: { ...process.env, TSESTREE_SINGLE_RUN: 'false' },
      },
    );
    found = JSON.parse(output) as typeof found;
  });

  it.each(Object.entries(planted))('finds %s', (name, { rule, message }) => {
    const errors = found[name]?.filter((error) => error.ruleId === rule).map((error) => error.message);
    expect(errors).toEqual([expect.stringContaining(message)]);
  });
});

describe('the top level', () => {
  it('holds nothing but what is listed here', () => {
    const listed =
      `package.json pnpm-workspace.yaml pnpm-lock.yaml nx.json apps libs deploy docs docker-compose.yml
      README.md tsconfig.base.json eslint.config.js jest.preset.js LICENSE AGENTS.md CONTRIBUTING.md CHANGELOG.md
      SECURITY.md knip.json`.split(/\s+/);
    const tracked = execFileSync('git', ['ls-tree', '--name-only', 'HEAD'], { cwd: root, encoding: 'utf8' });
    const extra = tracked
      .split('\n')
      .filter((name) => name && !name.startsWith('.') && !listed.includes(name));
    expect(extra).toEqual([]);
  });
});
