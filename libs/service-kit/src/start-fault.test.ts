import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { LoomError } from '@loom/errors';
import { isExpectedFault, startFault } from './start-fault.ts';

describe('startFault', () => {
  it.each([
    [
      'a file in place of a directory',
      (path: string) => mkdir(path),
      'it is a file where a directory is needed',
    ],
    ['a file on the way', (path: string) => mkdir(join(path, 'x')), 'a part of the path is a file'],
    ['nothing there', (path: string) => readdir(`${path}-none`), 'it does not exist'],
    ['a full device', async () => writeFile('/dev/full', 'x'), 'the disk is full; free some space'],
  ])('says of %s which path it is and what to do', async (_what, act, sentence) => {
    const directory = await mkdtemp(join(tmpdir(), 'loom-start-'));
    const path = join(directory, 'file');
    await writeFile(path, '');
    const error: unknown = await act(path).catch((thrown: unknown) => thrown);
    await rm(directory, { recursive: true });
    expect(startFault(error)).toContain(sentence);
    expect(startFault(error)).toContain((error as { path?: string }).path ?? '');
    expect(isExpectedFault(error)).toBe(true);
  });

  it('is one line, whatever an engine says', () => {
    const error = new LoomError('unavailable', 'cannot open it: first\n  second\n');
    expect(startFault(error)).toBe('cannot open it: first second');
    expect(isExpectedFault(error)).toBe(true);
  });

  it('gives the cause of an error of which nothing is known', () => {
    const error = new LoomError('internal', 'internal error', {
      cause: new TypeError('x is not a function'),
    });
    expect(startFault(error)).toBe('x is not a function');
    expect(isExpectedFault(error)).toBe(false);
  });
});
