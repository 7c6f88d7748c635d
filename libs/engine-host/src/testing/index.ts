export { startTestEngines, type TestEngines } from './test-engines.ts';
