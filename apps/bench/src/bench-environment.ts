import { cpus, release } from 'node:os';

/** Where a bench ran: figures of two machines are not to be compared. */
export function benchEnvironment() {
  return {
    node: process.version,
    kernel: release(),
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
  };
}
