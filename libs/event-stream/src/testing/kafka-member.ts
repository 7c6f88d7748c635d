import { openEventStream } from '../open.ts';

// A process for tests of groups: joins, tells each batch that it is given in a line, and never ends one.
const [url = '', group = '', topic = ''] = process.argv.slice(2);
const stream = await openEventStream(new URL(url));
await stream.subscribe({ group, topics: [topic], batchRecordsMax: 5 }, (batch) => {
  const { partition, firstOffset, lastOffset, redelivered } = batch;
  process.stdout.write(`${JSON.stringify({ partition, firstOffset, lastOffset, redelivered })}\n`);
  return new Promise(() => undefined);
});
