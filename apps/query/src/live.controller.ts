import { type LiveEvent, routes } from '@loom/api-contract';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Caller, type Principal, RequirePermission, StillAllowed } from '@loom/service-kit';
import { LiveTail } from './live-tail.ts';

const heartbeatMs = 10_000;
/** A sign-out, a lost role and a revoked key end the stream within twice this time: streams share what was found out. */
const recheckMs = 1000;

/** What of a Fastify reply is used here. */
interface Reply {
  hijack(): void;
  readonly raw: ServerResponse;
}

@Controller()
export class LiveController {
  readonly #tail: LiveTail;

  constructor(@Inject(LiveTail) tail: LiveTail) {
    this.#tail = tail;
  }

  /** Names and data are Loom's own; JSON on one line leaves nothing that could end a line. */
  @Get('v1/live')
  @RequirePermission(routes.live)
  async live(
    @Caller() { projectId, organizationId, actor }: Principal,
    @StillAllowed() stillAllowed: () => Promise<boolean>,
    @Res() reply: Reply,
  ): Promise<void> {
    const { raw } = reply;
    const write = (event: LiveEvent) => raw.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    if (raw.req.method === 'HEAD') {
      reply.hijack();
      raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).end();
      return;
    }
    const reader = await this.#tail.open({ projectId, organizationId, actorId: actor.id }, { write });
    reply.hijack();
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.write(': connected\n\n');
    const heartbeat = setInterval(() => raw.writableNeedDrain || raw.write(': alive\n\n'), heartbeatMs);
    const stopChecking = keepChecking(stillAllowed, () => raw.end('event: access.ended\ndata: {}\n\n'));
    raw.on('drain', () => reader.drained());
    raw.on('error', () => raw.destroy());
    raw.on('close', () => {
      clearInterval(heartbeat);
      stopChecking();
      reader.close();
    });
  }
}

/** One check at a time; what cannot be found out ends the stream too: its reader comes back when it can. */
function keepChecking(stillAllowed: () => Promise<boolean>, onEnd: () => void): () => void {
  let timer = setTimeout(check, recheckMs);
  let stopped = false;
  function check(): void {
    stillAllowed()
      .catch(() => false)
      .then((allowed) => {
        if (stopped) return;
        if (allowed) timer = setTimeout(check, recheckMs);
        else onEnd();
      })
      .catch(onEnd);
  }
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
