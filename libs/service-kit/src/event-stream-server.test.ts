import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Batch, type EventStream, openEventStream } from '@loom/event-stream';
import { Controller, type INestMicroservice, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import { Observable } from 'rxjs';
import { EventStreamServer } from './event-stream-server.ts';

type Behaviour = (batch: Batch) => unknown;
let behaviour: Behaviour = () => undefined;
const delivered: Batch[] = [];

@Controller()
class TestController {
  @EventPattern('test.topic')
  handle(@Payload() batch: Batch): unknown {
    delivered.push(batch);
    return behaviour(batch);
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

@Module({})
class EmptyModule {}

let service: INestMicroservice | undefined;
let stream: EventStream;

async function start(module: Type = TestModule): Promise<void> {
  stream = await openEventStream(new URL('memory:'));
  const strategy = new EventStreamServer({ stream, group: 'test' });
  service = await NestFactory.createMicroservice(module, { strategy, logger: false });
  await service.listen();
}

async function send(count: number): Promise<void> {
  const producer = await stream.producer('test.topic');
  for (let n = 0; n < count; n += 1)
    await producer.append([{ key: 'k', headers: {}, value: Buffer.from(String(n)) }]);
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !(await condition()); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await condition()).toBe(true);
}

describe('EventStreamServer', () => {
  afterEach(async () => {
    await service?.close();
    await stream.close();
    delivered.length = 0;
    behaviour = () => undefined;
  });

  it('hands whole batches to the handler and commits when it has ended', async () => {
    await start();
    await send(3);
    await until(async () => (await stream.lag('test', ['test.topic'])) === 0);
    expect(delivered.flatMap((batch) => batch.records.map((record) => record.value.toString()))).toEqual([
      '0',
      '1',
      '2',
    ]);
  });

  const failures: [string, Behaviour][] = [
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
    [
      'returns an Observable that errs',
      () => new Observable((subscriber) => subscriber.error(new Error('down'))),
    ],
  ];
  it.each(failures)(
    'commits nothing after a handler that %s, and delivers the same batch again',
    async (_name, fail) => {
      behaviour = fail;
      await start();
      await send(1);
      await until(() => delivered.length >= 3);
      expect(await stream.lag('test', ['test.topic'])).toBe(1);
      expect(delivered[2]).toMatchObject({ firstOffset: 0, lastOffset: 0, redelivered: true });
      behaviour = () => undefined;
      await until(async () => (await stream.lag('test', ['test.topic'])) === 0);
    },
  );

  it('refuses to start without a handler', async () => {
    await expect(start(EmptyModule)).rejects.toThrow(/no @EventPattern handler/);
  });
});
