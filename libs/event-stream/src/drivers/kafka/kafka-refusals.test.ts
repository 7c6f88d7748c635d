import { createServer, type AddressInfo, type Server } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { freePorts, missingForKafka, startedServerSuite, startKafka } from '@loom/testkit';
import { openEventStream } from '../../open.ts';

jest.setTimeout(40_000);

const password = 'pa55-word-of-nobody';
const refusal = (url: URL) =>
  openEventStream(url).then(
    () => {
      throw new Error(`${url.href} was not refused`);
    },
    (error: unknown) => error,
  );

await startedServerSuite(
  {
    server: 'Apache Kafka with users',
    variable: 'LOOM_TEST_KAFKA_WITH_USERS_URL',
    missing: missingForKafka,
    start: ({ directory }) => startKafka({ directory, users: { admin: 'admin-word', guest: password } }),
  },
  (url) => {
    let silent: Server;
    beforeAll(async () => {
      silent = createServer((socket) => socket.on('error', () => undefined));
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => {
      silent.close();
    });

    const as = (change: (url: URL) => void) => {
      const own = new URL(url);
      change(own);
      return own;
    };

    it.each<[string, () => Promise<URL>, string, RegExp]>([
      [
        'a wrong port',
        async () => {
          const [port] = await freePorts(1);
          return as((own) => (own.port = String(port)));
        },
        'unavailable',
        /ECONNREFUSED.*is the broker up/,
      ],
      [
        'a host that does not exist',
        () => Promise.resolve(new URL('kafka://no-such-host.invalid:9092')),
        'unavailable',
        /no-such-host\.invalid/,
      ],
      [
        'a server that accepts and never answers',
        () => Promise.resolve(as((own) => (own.port = String((silent.address() as AddressInfo).port)))),
        'unavailable',
        /timed out.*is this a Kafka broker/,
      ],
      [
        'a wrong password',
        () => Promise.resolve(as((own) => (own.password = password))),
        'config_invalid',
        /refused the credentials; check user, password and sasl=/,
      ],
      [
        'TLS where there is none',
        () => Promise.resolve(as((own) => own.searchParams.set('tls', '1'))),
        'config_invalid',
        /TLS handshake failed.*check tls=/,
      ],
    ])('refuses %s with cause and remedy and without a password', async (_, urlOf, code, message) => {
      const error = await refusal(await urlOf());
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(inspect(error, { depth: 10 })).not.toMatch(/pa55-word|admin-word/);
    });

    it('names the topic and the right that the user lacks', async () => {
      const stream = await openEventStream(
        as((own) => {
          own.username = 'guest';
          own.password = password;
        }),
      );
      await expect(stream.producer('loom.traces.v1')).rejects.toMatchObject({
        code: 'config_invalid',
        message: expect.stringMatching(/topic loom\.traces\.v1 .*grant CREATE and DESCRIBE/),
      });
      await stream.close();
    });

    it('appends and reads with the right credentials, and keeps the control topic for ever', async () => {
      const stream = await openEventStream(url);
      const producer = await stream.producer('loom.control.v1');
      await producer.append([{ key: 'k', headers: {}, value: Buffer.from('v') }]);
      const seen: string[] = [];
      await stream.tail({ topics: ['loom.control.v1'], from: 'beginning' }, (records) =>
        seen.push(...records.map(({ value }) => value.toString())),
      );
      expect(seen).toEqual(['v']);
      await stream.close();
    });
  },
);
