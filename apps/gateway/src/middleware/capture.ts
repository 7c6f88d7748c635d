import type { GatewayMiddleware } from '../middleware.ts';
import type { CallRecorder } from '../record/call-recorder.ts';

/** Puts the call on the record before it goes on, and its one end after it is over. */
export function capture(recorder: CallRecorder): GatewayMiddleware {
  return {
    name: 'capture',
    handle: async (call, next) => {
      const recording = await recorder.accept(call);
      if (!recording) return next(); // best effort, and the outbox had no room: counted
      call.tap = recording;
      try {
        await next();
      } finally {
        const { end, dispatchedAt, cache } = call;
        recorder.end(recording, {
          ...(end ?? {
            outcome: 'failed',
            status: call.response.headersSent ? call.response.statusCode : 0,
            error: { type: 'internal', message: 'the gateway failed', code: null },
            deliveredBytes: 0,
            streamed: false,
          }),
          dispatchedAt,
          cache,
        });
      }
    },
  };
}
