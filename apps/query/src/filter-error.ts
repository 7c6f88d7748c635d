import { LoomError } from '@loom/errors';
import { filterFields } from '@loom/trace-store';

export function filterError(problem: string, position: number): LoomError {
  return new LoomError('invalid_request', `filter, character ${position + 1}: ${problem}`, {
    param: 'filter',
    details: { position },
  });
}

export const knownFields = `${Object.keys(filterFields).join(', ')}, metadata.<key>`;
