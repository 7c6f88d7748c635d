import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import { openEventStream } from '../../open.ts';
import { eventStreamSuite } from '../../testing/event-stream-suite.ts';
import { PartitionReader } from './partition-reader.ts';
import { PartitionWriter } from './partition-writer.ts';
import { sweepLog } from './retention.ts';
import { writeGroupOffsets } from './group-offsets.ts';

const homes: string[] = [];
async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'loom-stream-'));
  homes.push(home);
  return home;
}
afterAll(() => Promise.all(homes.map((home) => rm(home, { recursive: true, force: true }))));

eventStreamSuite('log:', {
  open: async () => {
    const url = new URL(`log:${await newHome()}`);
    return { stream: await openEventStream(url), reopen: () => openEventStream(url) };
  },
});

const record = (text: string) => ({ key: 'k', headers: { ce_id: text }, value: Buffer.from(text) });
const readAll = async (directory: string): Promise<string[]> => {
  const reader = new PartitionReader(directory, 0);
  const records = await reader.read({ recordsMax: 1e6, bytesMax: 1e9 });
  await reader.close();
  return records.map((found) => found.value.toString());
};

describe('PartitionWriter', () => {
  it('cuts a torn tail at the last whole record, at every length of the tear, and goes on after it', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 'topic', 'p1');
    await writer.append([record('one'), record('two')]);
    const whole = (await stat(join(writer.directory, '00000000000000000000.log'))).size;
    await writer.append([record('three')]);
    await writer.close({ markClosed: false });
    const path = join(writer.directory, '00000000000000000000.log');
    const bytes = await readFile(path);
    for (let size = whole; size < bytes.length; size += 1) {
      await writeFile(path, bytes.subarray(0, size));
      const heir = await PartitionWriter.adopt(writer.directory);
      expect(heir?.nextOffset).toBe(2);
      await heir?.append([record('after')]);
      await heir?.close({ markClosed: false });
      expect(await readAll(writer.directory)).toEqual(['one', 'two', 'after']);
    }
  });

  it('does not hand a torn or damaged record to a reader, and reads on when it is whole', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 'topic', 'p1');
    await writer.append([record('one')]);
    const path = join(writer.directory, '00000000000000000000.log');
    const size = (await stat(path)).size;
    await writer.append([record('two')]);
    const bytes = await readFile(path);
    await truncate(path, size + 5);
    const reader = new PartitionReader(writer.directory, 0);
    expect(await reader.read({ recordsMax: 10, bytesMax: 1e6 })).toHaveLength(1);
    await appendFile(path, bytes.subarray(size + 5));
    expect((await reader.read({ recordsMax: 10, bytesMax: 1e6 })).map((found) => found.offset)).toEqual([1]);
    await reader.close();
    await writer.close();
  });

  it('skips a damaged middle segment, whose numbers are missing then, and delivers the rest', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 'topic', 'p1', { segmentBytesMax: 1 });
    for (const text of ['a', 'b', 'c']) await writer.append([record(text)]);
    await writer.close();
    const path = join(writer.directory, '00000000000000000001.log');
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = 0xff;
    await writeFile(path, bytes);
    const reader = new PartitionReader(writer.directory, 0);
    const records = await reader.read({ recordsMax: 10, bytesMax: 1e6 });
    expect(records.map((found) => found.value.toString())).toEqual(['a', 'c']);
    expect([reader.startOffset, ...records.map(({ offset }) => offset)]).toEqual([0, 0, 2]);
    expect(reader.finished).toBe(true);
  });

  it('tells a group of what it cannot read, with the batch after it, and again when that comes again', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 'topic', 'p1', { segmentBytesMax: 1 });
    for (const text of ['a', 'b', 'c', 'd']) await writer.append([record(text)]);
    await writer.close();
    for (const segment of [1, 2]) {
      const path = join(writer.directory, `${String(segment).padStart(20, '0')}.log`);
      const bytes = await readFile(path);
      bytes[bytes.length - 1] = 0xff;
      await writeFile(path, bytes);
    }
    const stream = await openEventStream(new URL(`log:${home}`));
    const told: (number | undefined)[] = [];
    const isDone = Promise.withResolvers<void>();
    await stream.subscribe({ group: 'g', topics: ['topic'], batchRecordsMax: 1 }, ({ unreadable }) => {
      told.push(unreadable);
      if (told.length === 2) throw new Error('once more');
      if (told.length === 3) isDone.resolve();
      return Promise.resolve();
    });
    await isDone.promise;
    expect(told).toEqual([undefined, 2, 2]);
    await stream.close();
    // A group that begins later finds the same; what retention has taken before it began is not unreadable.
    await rm(join(writer.directory, `${'0'.padStart(20, '0')}.log`));
    const later = await openEventStream(new URL(`log:${home}`));
    const toldLater = Promise.withResolvers<number | undefined>();
    await later.subscribe({ group: 'later', topics: ['topic'] }, ({ unreadable }) => {
      toldLater.resolve(unreadable);
      return Promise.resolve();
    });
    expect(await toldLater.promise).toBe(2);
    await later.close();
  });

  it('lets nobody adopt a partition whose writer lives, and one heir only when it is gone', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 'topic', 'p1');
    expect(await PartitionWriter.adopt(writer.directory)).toBeNull();
    await writer.close({ markClosed: false });
    const heirs = await Promise.all([
      PartitionWriter.adopt(writer.directory),
      PartitionWriter.adopt(writer.directory),
    ]);
    expect(heirs.filter(Boolean)).toHaveLength(1);
    await heirs.find(Boolean)?.close();
    expect(await PartitionWriter.adopt(writer.directory)).toBeNull();
  });

  it('counts what writers before it have left towards its limit, until that is swept', async () => {
    const home = await newHome();
    const before = await PartitionWriter.create(home, 'topic', 'p1');
    await before.append([record('x'.repeat(150))]);
    await before.close();
    const writer = await PartitionWriter.create(home, 'topic', 'p2', { topicBytesMax: 300 });
    const refused = { code: 'overloaded' };
    await expect(writer.append([record('y'.repeat(150))])).rejects.toMatchObject(refused);
    await rm(before.directory, { recursive: true });
    for (let tries = 0; tries < 500 && writer.nextOffset === 0; tries += 1) {
      await writer.append([record('y'.repeat(150))]).catch(() => delay(10));
    }
    expect(writer.nextOffset).toBe(1);
    await writer.close();
  });

  it('refuses with overloaded when the topic is full, and appends nothing of that call', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 'topic', 'p1', { topicBytesMax: 200 });
    await writer.append([record('x'.repeat(50))]);
    await expect(writer.append([record('y'), record('z'.repeat(200))])).rejects.toMatchObject({
      code: 'overloaded',
    });
    expect(writer.nextOffset).toBe(1);
    await writer.close();
    expect(await readAll(writer.directory)).toHaveLength(1);
  });

  it('refuses everything after a failed write and tells its owner once', async () => {
    const home = await newHome();
    const failures: unknown[] = [];
    const writer = await PartitionWriter.create(home, 'topic', 'p1', {
      segmentBytesMax: 1,
      onFailure: (error) => failures.push(error),
    });
    await writer.append([record('one')]);
    await rm(writer.directory, { recursive: true }); // the next segment cannot be made
    await expect(writer.append([record('two')])).rejects.toMatchObject({ code: 'unavailable' });
    await expect(writer.append([record('three')])).rejects.toMatchObject({ code: 'unavailable' });
    expect(failures).toHaveLength(1);
    await writer.close();
  });

  it('keeps every acknowledged record when its process is killed, and its lock is free at once', async () => {
    const home = await newHome();
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(
        process.execPath,
        [
          '--conditions=loom:source',
          join(import.meta.dirname, '../../testing/append-forever.ts'),
          home,
          `p${round}`,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      let acknowledged = 0;
      child.stdout.on('data', (text: Buffer) => (acknowledged += text.toString().split('\n').length - 1));
      while (acknowledged < 200) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGKILL');
      await once(child, 'close');
      const heir = await PartitionWriter.adopt(join(home, 'topic', `p${round}`));
      expect(heir).not.toBeNull();
      const kept = await readAll(join(home, 'topic', `p${round}`));
      expect(kept.length).toBeGreaterThanOrEqual(acknowledged);
      expect(kept).toEqual(kept.map((_, index) => String(index)));
      await heir?.close();
    }
  });
});

describe('after a failure of the disk', () => {
  const readLimits = { recordsMax: 10, bytesMax: 1e6 };

  it('a group goes on with the batch whose offsets could not be written', async () => {
    const home = await newHome();
    const stream = await openEventStream(new URL(`log:${home}`));
    const inTheWay = join(home, '.groups', '.g.json.next');
    await mkdir(inTheWay, { recursive: true });
    const [seen, errors]: [string[], unknown[]] = [[], []];
    const options = { group: 'g', topics: ['t'], onError: (error: unknown) => errors.push(error) };
    await stream.subscribe(options, ({ records }) => {
      seen.push(...records.map(({ value }) => value.toString()));
      return Promise.resolve();
    });
    await (await stream.producer('t')).append([record('one'), record('two')]);
    while (errors.length === 0) await delay(5);
    expect(seen).toEqual([]);
    await rm(inTheWay, { recursive: true });
    while ((await stream.lag('g', ['t'])) > 0) await delay(5);
    expect(seen).toEqual(['one', 'two']);
    await stream.close();
  });

  it('a producer makes the partition that it could not make before', async () => {
    const home = await newHome();
    const stream = await openEventStream(new URL(`log:${home}`));
    const producer = await stream.producer('t');
    await writeFile(join(home, 't'), 'in the way');
    await expect(producer.append([record('one')])).rejects.toThrow('ENOTDIR');
    await rm(join(home, 't'));
    await producer.append([record('two')]);
    await stream.close();
  });

  it('a reader shows again what it had read when it failed', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 't', 'p', { segmentBytesMax: 1 });
    for (const text of ['one', 'two']) await writer.append([record(text)]);
    await writer.close();
    const second = join(writer.directory, '00000000000000000001.log');
    const bytes = await readFile(second);
    await rm(second);
    await mkdir(second); // can be opened and not read
    const reader = new PartitionReader(writer.directory, 0);
    await expect(reader.read(readLimits)).rejects.toThrow('EISDIR');
    await rm(second, { recursive: true });
    await writeFile(second, bytes);
    const texts = (await reader.read(readLimits)).map(({ value }) => value.toString());
    expect(texts).toEqual(['one', 'two']);
    await reader.close();
  });

  it('a partition that could not be adopted, or not be closed, can be adopted later', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 't', 'p');
    await writer.append([record('one')]);
    const mark = join(writer.directory, '.closed.next');
    await mkdir(mark);
    await expect(writer.close()).rejects.toThrow('EISDIR');
    await rm(mark, { recursive: true });
    const segment = join(writer.directory, '00000000000000000000.log');
    const bytes = await readFile(segment);
    await rm(segment);
    await mkdir(segment);
    await expect(PartitionWriter.adopt(writer.directory)).rejects.toThrow('EISDIR');
    await rm(segment, { recursive: true });
    await writeFile(segment, bytes);
    const heir = await PartitionWriter.adopt(writer.directory);
    expect(heir?.nextOffset).toBe(1);
    await heir?.close();
  });
});

describe('a segment that has grown old', () => {
  it('is closed while nothing comes, and can go; what comes afterwards is read on', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 't', 'p', { segmentAgeMsMax: 100 });
    const reader = new PartitionReader(writer.directory, 0);
    const readAll = async () =>
      (await reader.read({ recordsMax: 100, bytesMax: 1 << 20 })).map(({ value }) => value.toString());
    await writer.append([record('old')]);
    expect(await readAll()).toEqual(['old']);
    await delay(400);
    expect(
      (await readdir(writer.directory)).filter((name) => name.endsWith('.seg') || /^\d/.test(name)),
    ).toHaveLength(2);
    expect(await sweepLog(home, { topic: 't', groups: [], minAgeMs: 0 })).toBeGreaterThan(0);
    const texts = await Promise.all(
      (await readdir(writer.directory)).map((name) => readFile(join(writer.directory, name))),
    );
    expect(texts.some((text) => text.includes('old'))).toBe(false);
    await Promise.all(['new 1', 'new 2'].map((text) => writer.append([record(text)])));
    await delay(400);
    await writer.append([record('new 3')]);
    expect(await readAll()).toEqual(['new 1', 'new 2', 'new 3']);
    expect(writer.nextOffset).toBe(4);
    await reader.close();
    await writer.close();
  });
});

describe('sweepLog', () => {
  it('deletes whole segments that every named group has committed, and empty closed partitions', async () => {
    const home = await newHome();
    const writer = await PartitionWriter.create(home, 'topic', 'p1', { segmentBytesMax: 1 });
    for (const text of ['a', 'b', 'c']) await writer.append([record(text)]);
    await writer.close();
    const committed = (value: number) => new Map([['topic/p1', { committed: value, planned: null }]]);
    await writeGroupOffsetsIn(home, 'fast', committed(3));
    await writeGroupOffsetsIn(home, 'slow', committed(1));
    await sweepLog(home, { topic: 'topic', groups: ['fast', 'slow'], minAgeMs: 0 });
    expect((await readdir(writer.directory)).filter((name) => name.endsWith('.log'))).toHaveLength(2);
    const reader = new PartitionReader(writer.directory, 1);
    expect(await reader.read({ recordsMax: 9, bytesMax: 1e6 })).toHaveLength(2);
    await reader.close();
    await writeGroupOffsetsIn(home, 'slow', committed(3));
    await sweepLog(home, { topic: 'topic', groups: ['fast', 'slow'], minAgeMs: 3_600_000 });
    expect(await readdir(join(home, 'topic'))).toEqual(['p1']);
    await sweepLog(home, { topic: 'topic', groups: ['fast', 'slow'], minAgeMs: 0 });
    expect(await readdir(join(home, 'topic'))).toEqual([]);
  });
});

async function writeGroupOffsetsIn(
  home: string,
  group: string,
  offsets: Map<string, { committed: number; planned: null }>,
) {
  await mkdir(join(home, '.groups'), { recursive: true });
  await writeGroupOffsets(home, group, offsets);
}
