import { projectHeader, type Route, type RouteScope } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
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
import {
  type Person,
  type Principal,
  reachesProject,
  sessionPrincipal,
  VERIFY_KEY,
  VERIFY_SESSION,
  type VerifyKey,
  type VerifySession,
} from './principal.ts';
import { SharedLooks } from './shared-looks.ts';
import { checkSameOrigin } from './same-origin.ts';
import { readSessionCookie } from './session-cookie.ts';

type RoutePermission = Route['permission'];
type Guarded = Pick<Route, 'permission' | 'scope'>;

const guardedKey = 'loom:guarded';
const tokenCharsMax = 512;
const projectIdCharsMax = 64;

/** Guards a handler by the permission and the scope of its route in the table. A handler without it is closed. */
export const RequirePermission = ({ permission, scope }: Guarded) =>
  SetMetadata(guardedKey, { permission, scope } satisfies Guarded);

interface GuardedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: { readonly rawHeaders: readonly string[] };
  /** As they came: the schemas of the route look at them after the guard. */
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  /** Set by this guard when an earlier one of the same request has done the work. */
  principal?: Principal;
  person?: Person;
  /** Asks again, as it was asked for this request. */
  stillAllowed?: () => Promise<boolean>;
}

const requestOf = (context: ExecutionContext) => context.switchToHttp().getRequest<GuardedRequest>();

/** The caller of a route of a project. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = requestOf(context);
  if (!principal) throw new LoomError('unauthenticated', 'this route needs a caller');
  return principal;
});

/** The person whose session calls a route of `person` or `operator`. */
export const SignedIn = createParamDecorator((_: unknown, context: ExecutionContext): Person => {
  const { person } = requestOf(context);
  if (!person) throw new LoomError('unauthenticated', 'this route needs a console session');
  return person;
});

/** For answers that last: whether the same credential would be let in now. Rejects when that cannot be found out. */
export const StillAllowed = createParamDecorator(
  (_: unknown, context: ExecutionContext): (() => Promise<boolean>) =>
    requestOf(context).stillAllowed ?? (() => Promise.resolve(false)),
);

/** The token of the session cookie as it was sent, not checked; null without one. */
export const SessionToken = createParamDecorator((_: unknown, context: ExecutionContext): string | null =>
  readSessionCookie(requestOf(context).headers),
);

/**
 * Denies by default: runs at the handler that was chosen, so no spelling of a path goes around it. A caller shows
 * exactly one credential: an API key, or the cookie of a console session.
 */
@Injectable()
export class PermissionGuard implements CanActivate {
  readonly #reflector: Reflector;
  readonly #verifyKey: VerifyKey;
  readonly #verifySession: VerifySession;
  readonly #looks = new SharedLooks<Principal | null>();

  constructor(
    @Inject(Reflector) reflector: Reflector,
    @Inject(VERIFY_KEY) verifyKey: VerifyKey,
    @Inject(VERIFY_SESSION) verifySession: VerifySession,
  ) {
    this.#reflector = reflector;
    this.#verifyKey = verifyKey;
    this.#verifySession = verifySession;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const route = this.#reflector.getAllAndOverride<Guarded | undefined>(guardedKey, targets);
    if (route === undefined) throw new LoomError('permission_denied', 'this route is not open to anyone');
    const request = requestOf(context);
    if (route.permission === 'public') {
      if (isChange(request) && isFromBrowser(request)) checkSameOrigin(request.headers);
      return true;
    }
    const token = readSessionCookie(request.headers);
    const keys = authorizationHeaders(request);
    if (keys > 1 || (keys === 1 && token !== null)) {
      throw new LoomError(
        'unauthenticated',
        'two credentials; send an api key or a session cookie, not both',
      );
    }
    if (token !== null) return this.#admitSession(request, token, route);
    return this.#admitKey(request, route);
  }

  async #admitKey(request: GuardedRequest, route: Guarded): Promise<boolean> {
    const { permission } = route;
    const bearer = bearerOf(request);
    request.stillAllowed = async () =>
      mayDo(await this.#looks.at(`key ${bearer}`, async () => this.#verifyKey(bearer)), permission);
    const principal = request.principal ?? (await this.#verifyKey(bearer));
    if (!principal) throw new LoomError('unauthenticated', 'the api key is unknown, expired or revoked');
    if (permission === 'person' || permission === 'operator')
      throw new LoomError('permission_denied', 'no api key may do this; sign in to the console');
    return admit(request, principal, route);
  }

  async #admitSession(request: GuardedRequest, token: string, route: Guarded): Promise<boolean> {
    const { permission } = route;
    if (isChange(request)) checkSameOrigin(request.headers);
    const ofProject = permission !== 'person' && permission !== 'operator';
    const projectId = ofProject ? headerOf(request, projectHeader) : null;
    const tooLong = token.length > tokenCharsMax;
    const access = tooLong ? null : await this.#verifySession(token, projectId);
    if (!access) throw new LoomError('unauthenticated', 'the session is over; sign in again');
    request.person = access.person;
    if (permission === 'person') return true;
    if (permission === 'operator') {
      if (access.person.isOperator) return true;
      throw new LoomError('permission_denied', 'only the operator of the deployment may do this');
    }
    if (projectId === null) {
      throw new LoomError('invalid_request', `send the project's id as the header ${projectHeader}`, {
        param: projectHeader,
      });
    }
    const principal = sessionPrincipal(access);
    const look = async () => {
      const now = await this.#verifySession(token, projectId);
      return now && sessionPrincipal(now);
    };
    request.stillAllowed = async () =>
      mayDo(await this.#looks.at(`session ${projectId} ${token}`, look), permission);
    if (!principal) throw new LoomError('not_found', 'there is no project with this id');
    return admit(request, principal, route);
  }
}

function mayDo(principal: Principal | null, permission: RoutePermission): boolean {
  return principal?.permissions.some((one) => one === permission) ?? false;
}

function admit(request: GuardedRequest, principal: Principal, { permission, scope }: Guarded): boolean {
  if (!mayDo(principal, permission)) {
    const who = principal.actor.type === 'key' ? 'this api key' : 'your role';
    throw new LoomError('permission_denied', `${who} does not allow ${permission}`);
  }
  holdToProject(request, principal, scope);
  request.principal = principal;
  return true;
}

/** The same answer for a project of the organization, of another one and of none: the caller learns of no project. */
function holdToProject(request: GuardedRequest, principal: Principal, scope: RouteScope): void {
  if (typeof scope !== 'object') return;
  const [part, name] = scope.projectIn.split('.') as ['params' | 'query' | 'body', string];
  const given = request[part] as Readonly<Record<string, unknown>> | null | undefined;
  const projectId = given?.[name];
  if (typeof projectId !== 'string' || reachesProject(principal, projectId)) return;
  throw new LoomError(
    'permission_denied',
    'this api key is of another project; use a key of that project, or one with the scope administer',
    { param: name },
  );
}

function isChange({ method }: GuardedRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

// What only a browser sends, and what it cannot leave out of a request that could do harm.
function isFromBrowser({ headers }: GuardedRequest): boolean {
  return (
    headers.origin !== undefined || headers.cookie !== undefined || headers['sec-fetch-site'] !== undefined
  );
}

function headerOf({ headers }: GuardedRequest, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' && value.length <= projectIdCharsMax ? value : null;
}

function authorizationHeaders({ raw }: GuardedRequest): number {
  return raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization')
    .length;
}

function bearerOf({ headers }: GuardedRequest): string {
  const match = /^Bearer ([\x21-\x7e]+)$/i.exec(headers.authorization ?? '');
  if (!match?.[1] || match[1].length > tokenCharsMax) {
    throw new LoomError(
      'unauthenticated',
      'send an api key as `authorization: Bearer <key>`, or sign in to the console',
    );
  }
  return match[1];
}
