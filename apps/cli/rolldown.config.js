import { defineConfig } from 'rolldown';

/** The verifier as one file, from the sources of all that it imports. */
export default defineConfig({
  input: 'src/verify.main.ts',
  platform: 'node',
  resolve: { conditionNames: ['loom:source', 'node', 'import'] },
  output: { file: 'dist/loom-verify.mjs', format: 'esm' },
});
