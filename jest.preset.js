/** One jest for all: TypeScript through swc as ES modules, workspace packages from their sources. */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['loom:source', 'node', 'node-addons', 'default'] },
  testMatch: ['<rootDir>/{apps,libs}/*/src/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/', '<rootDir>/.loom/', '<rootDir>/.nx/'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'es6' },
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
      },
    ],
  },
  reporters: ['default', '<rootDir>/libs/testkit/closing-line-reporter.js'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
