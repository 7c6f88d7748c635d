export { type EngineHost, type EngineHostOptions, openEngineHost } from './engine-host.ts';
