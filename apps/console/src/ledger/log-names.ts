import type { LedgerLog } from '@loom/api-contract';

/** What a log is called on the page. */
export function logName({ project }: Pick<LedgerLog, 'project'>): string {
  return project === 'system' ? 'Log of the deployment' : 'Log of this project';
}
