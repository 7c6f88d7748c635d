import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ControlStore, openControlStore } from '@loom/control-store';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { openEventStream } from '@loom/event-stream';
import { ControlSnapshot } from '@loom/routing';
import { EventStreamClient } from '@loom/service-kit';
import { ControlEvent, type ProviderRecord, topics } from '@loom/trace-schema';
import { ControlPublisher } from './control-publisher.ts';

let engines: TestEngines;
let store: ControlStore;
beforeAll(async () => {
  engines = await startTestEngines();
  store = await openControlStore(new URL(engines.controlStoreUrl), { sessionSecret: 'x'.repeat(40) });
  await store.createOrganization({ id: 'o', name: 'o' });
});
afterAll(async () => {
  await store.close();
  await engines.stop();
});

const provider = (id: string, enabled: boolean): ProviderRecord => ({
  id,
  organizationId: 'o',
  name: id,
  kind: 'openai-compatible',
  baseUrl: 'http://127.0.0.1:1',
  sealedCredential: null,
  origin: 'console',
  enabled,
  models: [],
});

describe('ControlPublisher', () => {
  it('says everything that is there, then each change, and a removal that its predecessor left over', async () => {
    const stream = await openEventStream(new URL('memory:'));
    const client = new EventStreamClient(stream);
    const snapshot = new ControlSnapshot();
    await stream.tail({ topics: [topics.control], from: 'beginning' }, (records) => {
      for (const { value } of records) snapshot.apply(ControlEvent.parse(JSON.parse(value.toString())));
    });
    const heard = (name: string) => snapshot.providers('o').find((found) => found.name === name);
    const errors: unknown[] = [];
    const open = () =>
      new ControlPublisher({ store, client, pollMs: 10, onError: (error) => errors.push(error) });
    await store.putProvider(provider('gone', true));

    const first = open();
    first.start();
    await until(() => snapshot.complete && heard('gone') !== undefined);
    await store.putProvider(provider('live', true));
    await until(() => heard('live')?.enabled === true);
    await store.putProvider(provider('live', false));
    await until(() => heard('live')?.enabled === false);
    await first.close();

    await store.deleteProvider({ organizationId: 'o', id: 'gone' });
    const second = open();
    second.start();
    await until(() => heard('gone') === undefined);
    await second.close();
    await stream.close();
    expect(errors).toEqual([]);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
