import { describe, expect, it } from '@jest/globals';
import { openEventStream } from '../../open.ts';
import { parseKafkaUrl } from './kafka-url.ts';

describe('parseKafkaUrl', () => {
  it('takes all that a URL can say', () => {
    const text =
      'kafka://al%40ice:p%25w@h1?brokers=h2:9093,[::1]:9094&tls=1&sasl=scram-sha-256&prefix=dev.&partitions=3&replication=2&session=6000&delivery=5000';
    expect(parseKafkaUrl(new URL(text))).toEqual({
      brokers: ['h1:9092', 'h2:9093', '[::1]:9094'],
      redactedUrl: text.replace('p%25w', '***'),
      tls: true,
      sasl: { mechanism: 'scram-sha-256', username: 'al@ice', password: 'p%w' },
      prefix: 'dev.',
      partitions: 3,
      replication: 2,
      sessionMs: 6000,
      deliveryMs: 5000,
    });
  });

  it.each([
    ['kafka://h:1?partition=2', /unknown parameter partition; known: brokers/],
    ['kafka://h:1?partitions=0', /partitions=0 is not a whole number from 1 to 10000/],
    ['kafka://h:1?tls=yes', /tls=yes is neither 0 nor 1/],
    ['kafka://h:1?tls=1&tls=0', /given twice/],
    ['kafka://h:1?brokers=a,,b', /brokers= holds an empty name/],
    ['kafka://h:1?brokers=a:99999', /brokers= holds a:99999/],
    ['kafka://h:1/topic', /the path \/topic/],
    ['kafka:h', /the host is missing|the path/],
    ['kafka://u:secret1@h:1', /a user without sasl=/],
    ['kafka://u:secret1@h:1?sasl=kerberos', /sasl=kerberos is not known; known: plain/],
    ['kafka://u@h:1?sasl=plain', /needs kafka:\/\/user:password@host/],
    ['kafka://u:secret1%zz@h:1?sasl=plain', /an escape; write it as %25/],
    ['kafka://h:1?prefix=a/b', /prefix=a\/b/],
  ])('refuses %s and says why, without the password', async (text, message) => {
    const opened = openEventStream(new URL(text));
    await expect(opened).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(message),
    });
    await expect(opened).rejects.not.toMatchObject({ message: expect.stringContaining('secret1') });
  });
});
