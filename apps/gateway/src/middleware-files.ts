import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LoomError, messageOf } from '@loom/errors';
import type { GatewayMiddleware, MiddlewareFactory } from './middleware.ts';

/** Loads own middlewares from their files, in order. Any fault ends the start and names the file. */
export async function loadMiddlewares(files: readonly string[]): Promise<GatewayMiddleware[]> {
  const middlewares: GatewayMiddleware[] = [];
  for (const file of files) {
    const fault = (why: string, cause?: unknown) =>
      new LoomError('config_invalid', `LOOM_GATEWAY_MIDDLEWARES: ${file}: ${why}`, { cause });
    let loaded: { default?: unknown };
    try {
      loaded = (await import(pathToFileURL(resolve(file)).href)) as { default?: unknown };
    } catch (error) {
      throw fault(`cannot be loaded (${messageOf(error)})`, error);
    }
    if (typeof loaded.default !== 'function') throw fault('must export a function as its default');
    let middleware: GatewayMiddleware;
    try {
      middleware = await (loaded.default as MiddlewareFactory)();
    } catch (error) {
      throw fault(`its factory failed (${messageOf(error)})`, error);
    }
    if (typeof middleware.name !== 'string' || typeof middleware.handle !== 'function') {
      throw fault('its factory must return { name, handle(call, next) }');
    }
    middlewares.push(contained(middleware));
  }
  return middlewares;
}

/**
 * What an own middleware gets wrong stays in its call: a `next` that it does not wait for is waited for here, and a call
 * that it neither refuses, answers nor hands on is refused.
 */
function contained(middleware: GatewayMiddleware): GatewayMiddleware {
  return {
    name: middleware.name,
    handle: async (call, next) => {
      const begun: Promise<void>[] = [];
      try {
        await middleware.handle(call, () => {
          begun[0] ??= next();
          return begun[0];
        });
      } finally {
        await Promise.all(begun);
      }
      if (begun.length === 0 && !call.response.headersSent) {
        throw new LoomError(
          'internal',
          `middleware "${middleware.name}" neither answered the call nor handed it on`,
        );
      }
    },
  };
}
