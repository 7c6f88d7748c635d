import { randomUUID } from 'node:crypto';
import { missingForKafka, startedServerSuite, startKafka } from '@loom/testkit';
import { openEventStream } from '../../open.ts';
import { eventStreamSuite } from '../../testing/event-stream-suite.ts';

await startedServerSuite(
  { server: 'Apache Kafka', variable: 'LOOM_TEST_KAFKA_URL', missing: missingForKafka, start: startKafka },
  (url) => {
    eventStreamSuite('kafka:', {
      open: async () => {
        const own = new URL(url);
        own.searchParams.set('prefix', `${randomUUID()}.`);
        own.searchParams.set('partitions', '1');
        const reopen = () => openEventStream(own);
        return { stream: await reopen(), reopen };
      },
    });
  },
);
