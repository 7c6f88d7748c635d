import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@loom/telemetry';
import { readiness } from './readiness.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const met = () => Promise.resolve();

describe('readiness', () => {
  it('is given when every need is met', async () => {
    await readiness({ 'trace store': met, disk: () => Promise.resolve(null) }, logger)();
  });

  it('names each need that is not met, without the text of an engine', async () => {
    const ready = readiness(
      {
        'trace store': () => Promise.reject(new Error('connect ECONNREFUSED /var/run/engine.sock')),
        'control store': met,
        disk: () => Promise.resolve('the disk of the data directory is full; free some space'),
      },
      logger,
    );
    await expect(ready()).rejects.toMatchObject({
      code: 'unavailable',
      message: 'the trace store is unavailable; the disk of the data directory is full; free some space',
    });
  });

  it('waits for no need longer than its bound, and checks one that hangs only once', async () => {
    let checks = 0;
    const hanging = () => {
      checks += 1;
      return new Promise<void>(() => undefined);
    };
    const ready = readiness({ 'event stream': hanging, disk: met }, logger);
    for (const _ of [1, 2]) {
      await expect(ready()).rejects.toMatchObject({ message: 'the event stream timed out' });
    }
    expect(checks).toBe(1);
  });

  it('is given again when what was missing is back', async () => {
    let isBack = false;
    const ready = readiness(
      { 'trace store': () => (isBack ? met() : Promise.reject(new Error('no'))) },
      logger,
    );
    await expect(ready()).rejects.toThrow('the trace store is unavailable');
    isBack = true;
    await new Promise((resolve) => setTimeout(resolve, 1100)); // answers are shared for a second
    await ready();
  });
});
