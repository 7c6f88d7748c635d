import { type ErrorCode, errorCodes } from '@loom/errors';
import * as z from 'zod';
import { ErrorBody } from './error-body.ts';
import { LiveEvent } from './live.ts';
import { rolePermissions, scopePermissions } from './permissions.ts';
import { projectHeader } from './plain-client.ts';
import { type Route, type RouteScope, routes } from './routes.ts';

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

/** OpenAPI 3.1 of all routes, made from the same schemas that check them. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, route] of Object.entries<Route>(routes)) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(operationId, route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Loom',
      version: '1',
      description: 'Read API (query) and management API (control) of Loom.',
    },
    servers: [
      { url: '/', description: 'The service that serves this document.' },
      { url: localAddress, description: 'Query and control on one machine, by default.' },
    ],
    paths,
    components: {
      responses: errorResponses(),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'A Loom API key with a scope that may do it.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'loom_session',
          description: `A console session of one with a role that may do it; the header \`${projectHeader}\` names the project.`,
        },
      },
      schemas: { Error: schemaOf(ErrorBody, 'output'), LiveEvent: schemaOf(LiveEvent, 'output') },
    },
  };
}

function operationOf(operationId: string, route: Route): Record<string, unknown> {
  const { description, security } = accessOf(route);
  return {
    operationId,
    tags: [route.service],
    summary: route.summary,
    description,
    security,
    parameters: [...parametersOf('path', route.params), ...parametersOf('query', route.query)],
    ...(route.body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
      },
    }),
    ...(route.service === 'control' && { servers: [controlServer] }),
    responses: {
      200: { description: 'Success', content: contentOf(route.response) },
      ...Object.fromEntries(errorsOf(route).map((code) => [errorCodes[code].status, refOf(code)])),
      default: refOf('internal'),
    },
  };
}

const localAddress = 'http://127.0.0.1:4100';
/** On servers control has an address of its own. */
const controlServer = {
  url: '{address}',
  description: 'The control service.',
  variables: { address: { default: localAddress } },
};

/** What a route answers besides success, by the rules that all routes share. */
const meanings = {
  invalid_request: 'A parameter or the body is wrong; `param` names it.',
  unauthenticated: 'No credential, an unknown one, or two.',
  permission_denied: 'The credential does not allow this.',
  not_found: 'There is no such thing in the project of the caller.',
  conflict: 'The change contradicts what is there, such as a name that is taken.',
  payload_too_large: 'The body, or what the answer would have to read, is too large.',
  rate_limited: 'Too much of this organization is running already.',
  internal: 'The service failed; its log says why.',
  overloaded: 'The service has too much to do, or something that it needs is unavailable.',
} as const satisfies Partial<Record<ErrorCode, string>>;
type DeclaredError = keyof typeof meanings;

const later: readonly ErrorCode[] = ['rate_limited', 'overloaded'];

function errorsOf({ permission, params, method }: Route): DeclaredError[] {
  return [
    'invalid_request',
    ...(permission === 'public' ? [] : (['unauthenticated', 'permission_denied'] as const)),
    ...(params ? (['not_found'] as const) : []),
    ...(method === 'GET' ? [] : (['conflict'] as const)),
    ...(['payload_too_large', 'rate_limited', 'internal', 'overloaded'] as const),
  ];
}

function errorResponses(): Record<string, unknown> {
  const responseOf = (code: DeclaredError) => ({
    description: meanings[code],
    ...(later.includes(code) && {
      headers: {
        'retry-after': {
          description: 'Seconds until it may succeed.',
          schema: { type: 'integer', minimum: 0 },
        },
      },
    }),
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  });
  return Object.fromEntries(
    (Object.keys(meanings) as DeclaredError[]).map((code) => [code, responseOf(code)]),
  );
}

function refOf(code: DeclaredError): { readonly $ref: string } {
  return { $ref: `#/components/responses/${code}` };
}

function accessOf({ permission, scope }: Route): { description: string; security: object[] } {
  if (permission === 'public') return { description: 'Open to everyone.', security: [] };
  if (permission === 'person')
    return { description: 'Needs a console session.', security: [{ session: [] }] };
  if (permission === 'operator')
    return { description: 'Needs the session of an operator.', security: [{ session: [] }] };
  const holders = (granted: Readonly<Record<string, readonly string[]>>) =>
    Object.keys(granted).filter((name) => granted[name]?.includes(permission));
  const roles = holders(rolePermissions);
  const scopes = holders(scopePermissions);
  const keys = scopes.length > 0 ? `; keys with scope ${scopes.join(' or ')}` : '';
  return {
    description: `Needs \`${permission}\`: roles ${roles.join(', ')}${keys}. ${reachOf(scope)}`,
    security: scopes.length > 0 ? [{ key: [] }, { session: [] }] : [{ session: [] }],
  };
}

function reachOf(scope: RouteScope): string {
  if (scope === 'organization') return 'Concerns the whole organization.';
  const named = typeof scope === 'object' ? `, or that which \`${scope.projectIn}\` names` : '';
  return `Concerns the caller's project${named}; with \`projects:all\` every project of the organization.`;
}

function parametersOf(place: 'path' | 'query', schema: z.ZodObject | undefined): Record<string, unknown>[] {
  if (!schema) return [];
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path' || !z.safeParse(field as z.ZodType, undefined).success,
    schema: schemaOf(field as z.ZodType, 'input'),
  }));
}

function contentOf(response: Route['response']): Record<string, unknown> {
  if (!('mediaType' in response)) return { 'application/json': { schema: schemaOf(response, 'output') } };
  const isLive = response.mediaType === 'text/event-stream';
  const schema = isLive ? { $ref: '#/components/schemas/LiveEvent' } : { type: 'string', format: 'binary' };
  return { [response.mediaType]: { schema } };
}
