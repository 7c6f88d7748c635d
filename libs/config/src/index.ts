export { environmentTable } from './environment-table.ts';
export {
  envBoolean,
  envBytes,
  envDurationMs,
  envInteger,
  type Environment,
  envPort,
  envSecret,
  envUrl,
  loadConfig,
  redactUrl,
  Secret,
} from './load-config.ts';
