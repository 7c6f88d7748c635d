import js from '@eslint/js';
import { createProjectGraphAsync } from '@nx/devkit';
import nx from '@nx/eslint-plugin';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import n from 'eslint-plugin-n';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The rules of Loom's house style, all of them errors. Where a rule has options that differ by folder, the
 * options are built by the functions below, because the last matching block replaces the ones before it.
 */
const testCode = ['**/*.test.ts', '**/*.specs.ts', '**/src/testing/**/*.ts'];

// The dependency law: who may import whom, by the tags in each package.json. Test code may import all.
const libraries = ['type:schema', 'type:core', 'type:port', 'type:kit', 'type:service'];
const law = (apps) => [
  { sourceTag: 'type:schema', onlyDependOnLibsWithTags: ['type:schema'] },
  { sourceTag: 'type:core', onlyDependOnLibsWithTags: ['type:schema', 'type:core'] },
  { sourceTag: 'type:port', onlyDependOnLibsWithTags: ['type:schema'] },
  { sourceTag: 'type:kit', onlyDependOnLibsWithTags: ['type:schema', 'type:kit'] },
  {
    sourceTag: 'type:service',
    onlyDependOnLibsWithTags: ['type:schema', 'type:kit', 'type:core', 'type:port'],
  },
  { sourceTag: 'type:app', onlyDependOnLibsWithTags: apps },
  { sourceTag: 'type:test', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'runtime:any', onlyDependOnLibsWithTags: ['runtime:any'] },
];
const boundaries = (depConstraints) => ({
  '@nx/enforce-module-boundaries': ['error', { depConstraints, banTransitiveDependencies: true, allow: [] }],
});

// Packages that only some folders may import.
const nest = {
  regex: '^(@nestjs/|reflect-metadata$|rxjs($|/))',
  message: 'Libs know no framework: Nest lives in apps/* and libs/service-kit.',
};
const engines = {
  regex: '^(kafkajs|@clickhouse/client|chdb|pg|drizzle-orm|@electric-sql/.+|ioredis)($|/)',
  message: 'The client of an engine is imported only under drivers/<name>/: use the port.',
};
const httpClient = {
  regex: '^undici$',
  message: 'The one outbound HTTP client is apps/gateway/src/upstream.',
};
const testing = {
  regex: '^@loom/[^/]+/testing$',
  message: 'A testing subpath is imported by test code only.',
};
const otherApps = {
  regex: '^@loom/app-(?![a-z-]+/(?:app[.]module|service)$)',
  message: 'Of another app only its AppModule, or the service that puts it together, is visible.',
};
const restrictImports = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

// Syntax that is not used here.
const syntax = [
  {
    selector: "MemberExpression[object.name='jest'][property.name=/^(mock|unstable_mockModule|doMock)$/]",
    message: 'No mocks of modules: use the memory driver or a plain object of the port.',
  },
  {
    selector: "CallExpression[callee.name='forwardRef'], Decorator CallExpression[callee.name='Global']",
    message: 'One module per service: no forwardRef, no @Global.',
  },
  {
    selector: "CallExpression[callee.property.name='get'][callee.object.property.name='moduleRef']",
    message: 'Nothing is looked up at run time: inject it.',
  },
  {
    selector: "ImportSpecifier[imported.name='ModuleRef']",
    message: 'Nothing is looked up at run time: inject it.',
  },
];
const semconv = ['Literal[value=/^gen_ai[.]/]', 'TemplateElement[value.raw=/^gen_ai[.]/]'].map(
  (selector) => ({
    selector,
    message: 'Only libs/trace-schema/src/semconv.ts spells gen_ai names; say the names of its table.',
  }),
);

// Without a graph of the projects the boundary rule passes in silence: make it before the first file.
await createProjectGraphAsync();

export default defineConfig(
  {
    ignores: [
      '**/dist/',
      '**/.next/',
      '**/node_modules/',
      '.nx/',
      '.loom/',
      '**/testdata/',
      '**/generated/',
      '**/*.d.ts',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    plugins: { '@nx': nx, 'import-x': importX, n },
    languageOptions: {
      parserOptions: { project: './tsconfig.base.json', tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      'import-x/extensions': ['.ts', '.tsx'],
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.tsx'] })],
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // A number or a bigint in a message is what the message is for.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // A field changes while a function awaits, and what was parsed may not be what its type says.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // It takes `this.#timer ??= …` for no use.
      'no-unused-private-class-members': 'off',
      // What was caught is handed on as it is.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // Promise.withResolvers<void>() is how a promise of no value is made.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // `(event) => sink.push(event)` is the short form everywhere.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Modules of Nest are classes that carry a decorator and nothing else.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      'import-x/no-cycle': 'error',
      'n/no-process-env': 'error',
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...syntax, ...semconv],
      ...boundaries(law(libraries)),
    },
  },
  {
    files: ['apps/console/**/*.{ts,tsx}'],
    extends: [reactHooks.configs.flat['recommended-latest']],
    languageOptions: {
      parserOptions: { project: './apps/console/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // They say what the React compiler would leave as it is, and it is not used.
      'react-hooks/incompatible-library': 'off',
      'react-hooks/preserve-manual-memoization': 'off',
    },
  },
  { files: ['apps/*/src/**/*.{ts,tsx}'], rules: restrictImports(engines, httpClient, testing) },
  {
    files: ['apps/standalone/src/**/*.ts'],
    rules: {
      ...boundaries(law([...libraries, 'type:app'])),
      ...restrictImports(engines, httpClient, testing, otherApps),
    },
  },
  {
    files: ['apps/gateway/src/upstream/**/*.ts', 'apps/bench/src/**/*.ts'],
    rules: restrictImports(engines, testing),
  },
  { files: ['libs/*/src/**/*.ts'], rules: restrictImports(nest, engines, httpClient, testing) },
  { files: ['libs/service-kit/src/**/*.ts'], rules: restrictImports(engines, httpClient, testing) },
  { files: ['libs/*/src/drivers/**/*.ts'], rules: restrictImports(nest, httpClient, testing) },
  {
    files: testCode,
    rules: {
      ...boundaries([{ sourceTag: '*', onlyDependOnLibsWithTags: ['*'] }]),
      ...restrictImports(nest, engines),
      'n/no-process-env': 'off',
      // A test reads what it has just built: an assertion says more than a guard that cannot fail.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: testCode.flatMap((glob) => [`apps/*/${glob}`, `libs/service-kit/${glob}`]),
    rules: restrictImports(engines),
  },
  {
    files: [...testCode.map((glob) => `libs/engine-host/${glob}`), 'libs/*/src/drivers/**/*.test.ts'],
    rules: restrictImports(nest),
  },
  {
    files: ['**/config.ts', '**/main.ts', '**/*.main.ts', '{apps/bench,apps/e2e,libs/testkit}/**/*.ts'],
    rules: { 'n/no-process-env': 'off' },
  },
  // A benchmark prints; the terminal of the command line is behind its own writer.
  { files: ['apps/bench/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['libs/trace-schema/src/semconv.ts'],
    rules: { 'no-restricted-syntax': ['error', ...syntax] },
  },
);
