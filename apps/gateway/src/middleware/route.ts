import { type ControlSnapshot, resolveModel } from '@loom/routing';
import { known } from '../call.ts';
import type { CredentialReader } from '../credentials.ts';
import type { GatewayMiddleware } from '../middleware.ts';

/** Finds the provider and its name for the model that was asked for. */
export function route(snapshot: ControlSnapshot, credentials: CredentialReader): GatewayMiddleware {
  return {
    name: 'route',
    handle: (call, next) => {
      const key = known(call.key, 'key');
      call.target = resolveModel(snapshot, key, known(call.chat, 'chat').model);
      credentials.read(call.target.provider); // a provider that is out of use refuses the call before it is accepted
      return next();
    },
  };
}
