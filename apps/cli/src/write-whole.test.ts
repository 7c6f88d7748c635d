import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeWhole } from './write-whole.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'loom-whole-'));
});
afterEach(async () => rm(directory, { recursive: true }));

const option = '--out';
const { signal } = new AbortController();

async function* slowly(mark: string) {
  for (let n = 0; n < 20; n += 1) {
    await delay(1);
    yield Buffer.from(mark);
  }
}

function write(name: string, mark = 'a') {
  const file = { path: join(directory, name), option, signal };
  return writeWhole(file, () => Promise.resolve(slowly(mark)));
}

const text = (name: string) => readFile(join(directory, name), 'utf8');

describe('writeWhole', () => {
  it('leaves one of two that write at once, and what else is there as it is', async () => {
    await writeFile(join(directory, 'x.partial'), 'of somebody');
    expect(await Promise.all([write('x', 'a'), write('x', 'b')])).toEqual([20, 20]);
    expect(['a'.repeat(20), 'b'.repeat(20)]).toContain(await text('x'));
    expect((await readdir(directory)).sort()).toEqual(['x', 'x.partial']);
    expect(await text('x.partial')).toBe('of somebody');
  });

  it('follows a link to a file', async () => {
    await mkdir(join(directory, 'kept'));
    await writeFile(join(directory, 'kept/x'), 'old');
    await symlink('kept/x', join(directory, 'link'));
    await write('link');
    expect(await text('kept/x')).toBe('a'.repeat(20));
    expect((await readdir(directory)).sort()).toEqual(['kept', 'link']);
    expect(await readdir(join(directory, 'kept'))).toEqual(['x']);
  });

  it('refuses what is no regular file and what cannot be written, by the name of the option', async () => {
    await mkdir(join(directory, 'folder'));
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    await symlink('/dev/null', join(directory, 'device'));
    await symlink('nothing', join(directory, 'astray'));
    for (const name of ['folder', 'pipe', 'device', 'astray'])
      await expect(write(name)).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/^--out .*no regular file/) as unknown,
      });
    await expect(write('none/x')).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/^--out .*ENOENT/) as unknown,
    });
    expect((await readdir(directory)).sort()).toEqual(['astray', 'device', 'folder', 'pipe']);
  });

  it('leaves nothing when what comes breaks off or it is interrupted, and what was there before', async () => {
    await writeFile(join(directory, 'x'), 'old');
    const controller = new AbortController();
    const write = (end: () => void) =>
      writeWhole({ path: join(directory, 'x'), option, signal: controller.signal }, () => {
        async function* body() {
          yield* slowly('a');
          end();
        }
        return Promise.resolve(body());
      });
    const breakOff = () => {
      throw new Error('terminated');
    };
    await expect(write(breakOff)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(write(() => controller.abort())).rejects.toMatchObject({ code: 'client_closed' });
    expect(await readdir(directory)).toEqual(['x']);
    expect(await text('x')).toBe('old');
  });
});
