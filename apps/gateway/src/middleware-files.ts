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
    middlewares.push(middleware);
  }
  return middlewares;
}
