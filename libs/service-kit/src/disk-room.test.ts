import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SmallDisk } from '@loom/testkit';
import { diskFault } from './disk-room.ts';

const mountable = SmallDisk.mount(1);
mountable?.unmount();
const whereMountable = mountable ? it : it.skip;

let disk: SmallDisk | null = null;
afterEach(() => disk?.unmount());

describe('diskFault', () => {
  it('finds nothing wrong with a directory that can be written, and leaves nothing in it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'loom-room-'));
    expect(await diskFault(directory, 'the data directory')).toBeNull();
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  });

  it('says that a directory is not there, without its path', async () => {
    expect(await diskFault('/nonexistent/loom', 'the data directory')).toBe(
      'the data directory cannot be written (ENOENT); check its directory and its disk',
    );
  });

  whereMountable(
    'says that a disk is full, nearly full or read-only, and when it is not any more',
    async () => {
      disk = SmallDisk.mount(24);
      const { path } = disk ?? { path: '' };
      const fault = () => diskFault(path, 'the data directory');
      expect(await fault()).toBeNull();
      disk?.fill();
      expect(await fault()).toBe('the disk of the data directory is full; free some space');
      disk?.free();
      expect(await fault()).toBeNull();
      disk?.remount('size=8m');
      expect(await fault()).toMatch(/is full: \d+ MiB are free, 16 MiB are needed; free some space$/);
      disk?.remount('size=24m,ro');
      expect(await fault()).toBe('the disk of the data directory is read-only; mount it writable');
    },
  );
});
