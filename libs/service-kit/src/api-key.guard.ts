import { LoomError } from '@loom/errors';
import type { KeyScope } from '@loom/trace-schema';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { IncomingHttpHeaders } from 'node:http';

/** Who a request is made for: all of it from the key, nothing from the request. */
export interface Principal {
  readonly projectId: string;
  readonly organizationId: string;
  readonly keyId: string;
  readonly scopes: readonly KeyScope[];
}

/** The key's principal, or null for a token that is unknown, expired or revoked. */
export type VerifyKey = (token: string) => Promise<Principal | null> | Principal | null;
export const VERIFY_KEY = Symbol('VERIFY_KEY');

const scopeKey = 'loom:scope';
const tokenCharsMax = 512;

/** What the key must be allowed to do on this route; null opens it to everyone. A route without it is closed. */
export const RequireScope = (scope: KeyScope | null) => SetMetadata(scopeKey, scope);

interface GuardedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly raw: { readonly rawHeaders: readonly string[] };
  principal?: Principal;
}

export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<GuardedRequest>();
  if (!principal) throw new LoomError('unauthenticated', 'this route needs an api key');
  return principal;
});

/** Denies by default: runs at the handler that was chosen, so no spelling of a path goes around it. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  readonly #reflector: Reflector;
  readonly #verifyKey: VerifyKey;

  constructor(@Inject(Reflector) reflector: Reflector, @Inject(VERIFY_KEY) verifyKey: VerifyKey) {
    this.#reflector = reflector;
    this.#verifyKey = verifyKey;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const scope = this.#reflector.getAllAndOverride<KeyScope | null | undefined>(scopeKey, targets);
    if (scope === null) return true;
    if (scope === undefined) throw new LoomError('permission_denied', 'this route is not open to any key');
    const request = context.switchToHttp().getRequest<GuardedRequest>();
    const principal = request.principal ?? (await this.#verifyKey(tokenOf(request)));
    if (!principal) throw new LoomError('unauthenticated', 'the api key is unknown, expired or revoked');
    if (!principal.scopes.includes(scope)) {
      throw new LoomError(
        'permission_denied',
        `this api key may not ${scope}; use one with the scope "${scope}"`,
      );
    }
    request.principal = principal;
    return true;
  }
}

/** Exactly one credential, in one place. */
function tokenOf({ headers, raw }: GuardedRequest): string {
  const given = raw.rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization',
  );
  if (given.length > 1) throw new LoomError('unauthenticated', 'two authorization headers; send one');
  const match = /^Bearer ([\x21-\x7e]+)$/i.exec(headers.authorization ?? '');
  if (!match?.[1] || match[1].length > tokenCharsMax) {
    throw new LoomError('unauthenticated', 'send an api key as `authorization: Bearer <key>`');
  }
  return match[1];
}
