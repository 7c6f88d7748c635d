export { environmentTable } from './environment-table.ts';
export {
  envBoolean,
  envBytes,
  envDurationMs,
  envInteger,
  envList,
  envNamedUrls,
  envNetworks,
  type Environment,
  envPort,
  envPortRanges,
  envSecret,
  envUrl,
  loadConfig,
  nearest,
  redactUrl,
  Secret,
} from './load-config.ts';
