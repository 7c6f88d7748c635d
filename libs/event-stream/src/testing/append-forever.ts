import { PartitionWriter } from '../drivers/log/partition-writer.ts';

// A process for crash tests: appends 0, 1, 2, … and prints each number when it is durable.
const [root = '', partition = ''] = process.argv.slice(2);
const writer = await PartitionWriter.create(root, 'topic', partition);
const inFlight = 8;
let next = 0;
async function loop(): Promise<void> {
  for (;;) {
    const value = String(next++);
    await writer.append([{ key: 'k', headers: {}, value: Buffer.from(value) }]);
    process.stdout.write(`${value}\n`);
  }
}
await Promise.all(Array.from({ length: inFlight }, loop));
