import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DeploymentWatch, type DeploymentWatchDeps } from './deployment-watch.ts';

const gateway = (pending: number, lag: number) =>
  createServer((request, response) => {
    if (request.url === '/readyz') response.end('ok');
    else
      response.end(
        [
          `loom_gateway_outbox_pending_records ${pending}`,
          `loom_gateway_outbox_pending_bytes ${pending * 10}`,
          `loom_gateway_outbox_lag_records ${lag}`,
          'loom_gateway_outbox_lost_records_total 0',
        ].join('\n'),
      );
  });
const withoutFigures = createServer((request, response) => {
  if (request.url === '/readyz') response.end('ok');
});
/** The last one never answers. */
const servers = [gateway(1, 20), gateway(2, 3), withoutFigures, createServer(() => {})];
const urlOf = (index: number) => `http://127.0.0.1:${(servers[index]?.address() as AddressInfo).port}`;

const deps: DeploymentWatchDeps = {
  ...{ version: '1.2.3', name: 'control', services: new Map(), runtimeFile: null, publicGatewayUrl: null },
  ...{ dataDirectories: [], groups: ['ingest', 'pricing'], lagOf: () => Promise.resolve(3) },
  ...{ ready: () => Promise.resolve(), enginesReady: () => Promise.resolve(), lastErrors: () => [] },
};

beforeAll(() =>
  Promise.all(
    servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))),
  ),
);
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

describe('DeploymentWatch', () => {
  it('tells of each process that it is told of, and adds up the outboxes of the gateways', async () => {
    const services = new Map([
      ['gateway-1', urlOf(0)],
      ['gateway-2', urlOf(1)],
      ['pricing', urlOf(2)],
      ['ingest', urlOf(3)],
    ]);
    const report = await new DeploymentWatch({ ...deps, services }).report(0);
    expect(report.services.map(({ name, status }) => [name, status])).toEqual([
      ['control', 'ready'],
      ['engines', 'ready'],
      ['gateway-1', 'ready'],
      ['gateway-2', 'ready'],
      ['pricing', 'ready'],
      ['ingest', 'unreachable'],
    ]);
    expect(report.outbox).toEqual({ pendingRecords: 3, pendingBytes: 30, lagRecords: 23, lostRecords: 0 });
  });

  it.each<[name: string, lagOf: DeploymentWatchDeps['lagOf']]>([
    ['refuses', () => Promise.reject(new Error('no broker'))],
    ['is silent', () => new Promise(() => {})],
  ])('says the rest while the event stream %s', async (_name, lagOf) => {
    const report = await new DeploymentWatch({ ...deps, lagOf }).report(4);
    expect(report.lag).toEqual([
      { group: 'ingest', records: null },
      { group: 'pricing', records: null },
    ]);
    expect(report).toMatchObject({ deadLetterCount: 4, outbox: null });
    expect(report.services[0]).toMatchObject({ name: 'control', status: 'ready' });
  });
});
