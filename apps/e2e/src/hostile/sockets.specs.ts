import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ConsoleWorld } from '../testing/console-world.ts';
import { eventually } from '../testing/deployment.ts';

const soak = process.env.LOOM_TEST_SOAK === '1';
/** As many as this process may open itself, in the soak. */
const socketsMax = soak ? 15_000 : 3_000;
/** What each lets one address hold (the console asks on for each), and what it has open besides. */
const descriptorsMax = { backend: 2_048 + 400, console: 2 * 512 + 400, gateway: 4_096 + 400 } as const;

const beginnings: Readonly<Record<string, (host: string) => string>> = {
  'half-sent bodies': (host) =>
    `POST /v1/sign-in HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"email":"`,
  'half-sent bodies behind the console': (host) =>
    `POST /api/control/v1/sign-in HTTP/1.1\r\nhost: ${host}\r\norigin: http://${host}\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"email":"`,
  'half-sent headers': (host) => `GET /v1/traces HTTP/1.1\r\nhost: ${host}\r\nx-slow: `,
  nothing: () => '',
};

export function socketSpecs(world: () => ConsoleWorld): void {
  describe('connections that are opened and not used', () => {
    const sockets: Socket[] = [];
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
    });

    it.each([
      ['backend', 'half-sent bodies', 'queryUrl'],
      ['console', 'half-sent bodies behind the console', 'consoleUrl'],
      ['gateway', 'half-sent bodies', 'gatewayUrl'],
      ['backend', 'half-sent headers', 'queryUrl'],
      ['console', 'nothing', 'consoleUrl'],
    ] as const)(
      'keep the %s open to others: %s',
      async (process, beginning, urlName) => {
        const { runtime, loom } = world();
        const url = new URL(runtime[urlName]);
        const text = beginnings[beginning]?.(url.host) ?? '';
        const linesBefore = loom.output.split('\n').length;
        for (let opened = 0; opened < socketsMax; opened += 250)
          await Promise.all(Array.from({ length: 250 }, () => open(url, text, sockets)));

        const { pids } = await loom.runtime();
        const held = await readdir(`/proc/${pids[process]}/fd`).catch(() => []);
        expect(held.length).toBeLessThan(descriptorsMax[process]);

        const own = await loom.client();
        const traceId = await world().call('loom-sim', { text: `called among ${beginning}` });
        const { spans } = await eventually(
          () => own.getTraceOutline({ params: { traceId } }),
          ({ spans }) => spans.length === 1,
        );
        const span = await own.getSpan({ params: { spanId: spans[0]?.spanId ?? '' } });
        await eventually(
          () => own.getReceipt({ params: { id: span.callId ?? '' } }),
          ({ leaves }) => leaves.length > 0,
        );
        const page = await fetch(`${runtime.consoleUrl}/sign-in`, { signal: AbortSignal.timeout(20_000) });
        expect([page.status, (await page.text()).length > 0]).toEqual([200, true]);
        expect(loom.output.split('\n').length - linesBefore).toBeLessThan(50);
      },
      180_000,
    );
  });
}

function open(url: URL, text: string, sockets: Socket[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(url.port), url.hostname);
    sockets.push(socket);
    socket.on('error', () => resolve()); // closed in favour of a later one
    socket.on('close', () => resolve());
    socket.on('connect', () => {
      socket.write(text);
      resolve();
    });
    socket.resume();
  });
}
