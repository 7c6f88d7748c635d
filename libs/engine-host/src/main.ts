/**
 * The engine host as a child process: options as JSON in the first argument, `{ ready, traceStoreUrl,
 * controlStoreUrl }` or `{ failed }` to the parent, an end at SIGTERM or when the parent is gone.
 */
import { messageOf } from '@loom/errors';
import { type EngineHostOptions, openEngineHost } from './engine-host.ts';

const closeMsMax = 15_000;

async function main(): Promise<void> {
  const host = await openEngineHost(JSON.parse(process.argv[2] ?? '{}') as EngineHostOptions);
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), closeMsMax).unref();
    void host.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.once('disconnect', stop);
  if (process.send && !process.connected) stop();
  else
    process.send?.({ ready: true, traceStoreUrl: host.traceStoreUrl, controlStoreUrl: host.controlStoreUrl });
}

main().catch((error: unknown) => {
  const exit = () => process.exit(1);
  if (process.send) process.send({ failed: messageOf(error) }, exit);
  else exit();
});
