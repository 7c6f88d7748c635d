import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ControlSnapshot } from '@loom/routing';
import { createLogger } from '@loom/telemetry';
import { SnapshotFile } from './snapshot-file.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'loom-snapshot-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function snapshotOf(alias: string): ControlSnapshot {
  const snapshot = new ControlSnapshot();
  const value = { id: alias, projectId: 'p', alias, provider: 'sim', model: 'loom-sim' };
  snapshot.apply({ id: '1', type: 'control.changed', entity: 'alias', entityId: alias, version: 1, value });
  return snapshot;
}

describe('SnapshotFile', () => {
  it('has written what it was given last when it is closed at once, and leaves nothing behind', async () => {
    const file = new SnapshotFile(join(directory, 'snapshot.json'), logger);
    file.keep(snapshotOf('first'));
    file.keep(snapshotOf('last'));
    await file.close();
    expect(await readdir(directory)).toEqual(['snapshot.json']);
    expect((await stat(join(directory, 'snapshot.json'))).mode & 0o777).toBe(0o600);
    expect((await file.read())?.aliases('p').map(({ alias }) => alias)).toEqual(['last']);
  });

  it('closes without a word when there was nothing to keep', async () => {
    const file = new SnapshotFile(join(directory, 'snapshot.json'), logger);
    await file.close();
    expect(await file.read()).toBeNull();
  });
});
