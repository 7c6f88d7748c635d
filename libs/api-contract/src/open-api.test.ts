import { describe, expect, it } from '@jest/globals';
import { openApiDocument } from './open-api.ts';
import { type Route, routes } from './routes.ts';

const document = openApiDocument() as {
  openapi: string;
  servers: { url: string }[];
  components: { responses: Record<string, object> };
  paths: Record<
    string,
    Record<
      string,
      {
        operationId: string;
        security: unknown[];
        parameters: { name: string; required: boolean }[];
        servers?: unknown[];
        responses: Record<string, { $ref?: string }>;
      }
    >
  >;
};

describe('openApiDocument', () => {
  it('has every route once, with its parameters', () => {
    expect(document.openapi).toBe('3.1.0');
    for (const [name, route] of Object.entries<Route>(routes)) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()];
      expect(operation?.operationId).toBe(name);
      expect(operation?.security.length === 0).toBe(route.permission === 'public');
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      expect(Object.keys(route.params?.shape ?? {})).toEqual(inPath);
    }
  });

  it('says which parameters are needed', () => {
    const parameters = document.paths['/v1/spans/{spanId}/raw']?.get?.parameters;
    expect(parameters).toEqual([
      expect.objectContaining({ name: 'spanId', required: true }),
      expect.objectContaining({ name: 'part', required: true }),
    ]);
    const list = document.paths['/v1/traces']?.get?.parameters;
    expect(list?.every(({ required }) => !required)).toBe(true);
  });

  it('declares where it is served, and which errors an operation answers', () => {
    expect(document.servers.map(({ url }) => url)).toContain('/');
    const operation = document.paths['/v1/keys']?.post;
    expect(operation?.servers).toHaveLength(1);
    expect(Object.keys(operation?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '409', '413', '429', '500', '503']),
    );
    for (const byMethod of Object.values(document.paths))
      for (const { responses } of Object.values(byMethod))
        for (const { $ref } of Object.values(responses).filter((one) => one.$ref !== undefined))
          expect(Object.keys(document.components.responses)).toContain($ref?.split('/').at(-1));
    expect(document.components.responses['rate_limited']).toHaveProperty(['headers', 'retry-after']);
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });
});
