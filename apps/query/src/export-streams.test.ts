import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { withReadScope } from '@loom/trace-store';
import { ExportStreams } from './export-streams.ts';

const scope = (owner: string, signal = new AbortController().signal) => ({ owner, signal });

describe('ExportStreams', () => {
  it('streams what is written, at the pace of the reader', async () => {
    const exports = new ExportStreams();
    let written = 0;
    const body = await withReadScope(scope('o'), () =>
      exports.open(() =>
        Promise.resolve(async (sink) => {
          for (; written < 100; written += 1) await sink.write(Buffer.alloc(10_000, written));
        }),
      ),
    );
    await setImmediate();
    expect(written).toBeLessThan(20); // nobody has read yet
    let length = 0;
    for await (const bytes of body) length += (bytes as Buffer).length;
    expect(length).toBe(1_000_000);
  });

  it('rejects as its preparation does, and breaks the body at a later failure', async () => {
    const exports = new ExportStreams();
    const opened = withReadScope(scope('o'), () =>
      exports.open(() => Promise.reject(new Error('nothing signed'))),
    );
    await expect(opened).rejects.toThrow('nothing signed');
    const body = await withReadScope(scope('o'), () =>
      exports.open(() =>
        Promise.resolve(async (sink) => {
          await sink.write(Buffer.from('a'));
          throw new Error('the store is down');
        }),
      ),
    );
    await expect(body.toArray()).rejects.toThrow('the store is down');
  });

  it('ends with its reader, and gives its turn to the next of its organization', async () => {
    const exports = new ExportStreams();
    const reader = new AbortController();
    const endless = () =>
      Promise.resolve(async (sink: { write(bytes: Uint8Array): Promise<void> }) => {
        for (;;) await sink.write(Buffer.alloc(1000));
      });
    const first = await withReadScope(scope('o', reader.signal), () => exports.open(endless));
    const second = withReadScope(scope('o'), () =>
      exports.open(() => Promise.resolve(() => Promise.resolve())),
    );
    const third = withReadScope(scope('o'), () => exports.open(endless));
    await expect(third).rejects.toMatchObject({ code: 'rate_limited' });
    const other = await withReadScope(scope('other'), () =>
      exports.open(() => Promise.resolve(() => Promise.resolve())),
    );
    expect(await other.toArray()).toEqual([]);
    first.on('error', () => undefined);
    reader.abort(new Error('left'));
    expect(await (await second).toArray()).toEqual([]);
    expect(first.destroyed).toBe(true);
  });
});
