import { beforeAll, describe, expect, it } from '@jest/globals';
import { projectHeader, type Route, routes } from '@loom/api-contract';
import type { ConsoleWorld } from '../testing/console-world.ts';
import { eventually } from '../testing/deployment.ts';
import type { Tenants } from './tenants.ts';

const soak = process.env.LOOM_TEST_SOAK === '1';
const atOnce = 8;

/** Of each language that a text could get into, and of each parser that it passes. */
const texts: readonly string[] = [
  ...["' OR '1'='1", "' OR 1=1 --", '" OR ""="', "'; DROP TABLE spans; --", "1' UNION SELECT * FROM spans --"],
  ...["\\' OR 1=1 --", "' AND sleep(3) AND '1'='1", "') OR project_id != ('", "%' OR '%'='", '`spans`', '$$x$$'],
  ...["' OR project_id IN (SELECT project_id FROM spans) --", "url('http://127.0.0.1:1/','CSV')", '{x:String}'],
  ...["file('/etc/passwd')", 'system.tables', "remote('127.0.0.1:9000','loom','spans')", "'||pg_sleep(3)||'"],
  ...['model:"', 'model:(', '-model:*', 'a OR b AND (', 'metadata.a.b:c', 'cost:>1e999', 'cost:>-', 'status:error) OR ('],
  ...['${7*7}', '{{7*7}}', '<%= 7*7 %>', '#{7*7}', '$(id)', '`id`', '| id', '; id', '&& id', '${jndi:ldap://127.0.0.1/}'],
  ...['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', 'javascript:alert(1)', '=HYPERLINK("http://x")'],
  ...['../../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '%2e%2e/', '/etc/passwd%00', 'file:///etc/passwd', '..\\..\\'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__proto__.isAdmin', 'constructor.prototype.x'],
  ...['\u0000', 'a\u0000b', '\r\nset-cookie: a=b', '\n\n', '\t', '\u001b[31m', '\u202eabc', '\ufeff', '\ud800', '\u2028'],
  ...['null', 'undefined', 'NaN', 'Infinity', '-1', '0', '1e400', '9'.repeat(40), '0x10', 'true', '[]', '{}', '\\', '%', '%zz'],
  ...['x'.repeat(300), 'x'.repeat(5_000), '💥'.repeat(200), 'ﷺ'.repeat(100), 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢'],
]; // prettier-ignore
/** What no answer says: words of the engines, of the runtime, and of the machine. */
const engineWords =
  /DB::Exception|Code: \d+\.|ClickHouse|PGlite|postgres|syntax error at|SQLSTATE|node:internal|at (?:async )?[\w.]+ \(|\/node_modules\/|root:x:0|ENOENT/i;

interface Injection {
  readonly name: string;
  readonly route: Route;
  readonly place: 'params' | 'query' | 'body' | 'headers';
  readonly field: string;
  readonly text: string;
}

export function injectionSpecs(world: () => ConsoleWorld, founded: () => Tenants): void {
  describe('hostile texts in every parameter', () => {
    let tenants: Tenants;
    let headers: Record<string, string>;
    beforeAll(() => {
      tenants = founded();
      const { cookie } = tenants.people.owner;
      headers = { cookie, origin: world().runtime.consoleUrl, [projectHeader]: tenants.own.projectId };
    });

    it('fail no service, reach no engine, and show nothing of another tenant', async () => {
      const all = injectionsOf();
      const chosen = soak ? all : all.filter((_, index) => index % 7 === 0);
      expect(chosen.length).toBeGreaterThan(soak ? 7_000 : 1_000);
      const faults: string[] = [];
      let next = 0;
      const worker = async () => {
        for (let one = chosen[next++]; one; one = chosen[next++]) {
          const { status, text } = await inject(world(), one, headers);
          const said = text.replaceAll(one.text, '');
          const isFault = status >= 500 || engineWords.test(said) || /zebra/i.test(said);
          if (isFault) faults.push(`${one.name} ${one.place}.${one.field} ${JSON.stringify(one.text.slice(0, 60))}: ${status} ${said.slice(0, 200)}`); // prettier-ignore
        }
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
      expect({ count: faults.length, faults: faults.slice(0, 10) }).toEqual({ count: 0, faults: [] });
      for (const tenant of [tenants.zebra, tenants.sister]) {
        const { spans } = await tenant.client.getTraceOutline({
          params: { traceId: tenant.ids.traceId ?? '' },
        });
        expect(spans).toHaveLength(1);
      }
    }, 600_000);

    it('find by a filter what a plain filter finds, or less', async () => {
      const { client } = tenants.own;
      const everything = async (filter?: string) => {
        const { traces } = await client.listTraces({
          query: { limit: 200, ...(filter !== undefined && { filter }) },
        });
        return traces.map(({ traceId }) => traceId);
      };
      const all = new Set(await eventually(() => everything(), (ids) => ids.length > 0)); // prettier-ignore
      for (const text of texts.filter((_, index) => soak || index % 3 === 0))
        for (const filter of [
          text,
          `model:${text}`,
          `model:"${text.replaceAll('"', '\\"')}"`,
          `metadata.x:${text}`,
        ]) {
          const found = await everything(filter.slice(0, 2000)).catch(() => []);
          expect({ filter, foreign: found.filter((id) => !all.has(id)) }).toEqual({ filter, foreign: [] });
        }
    }, 120_000);
  });
}

function injectionsOf(): Injection[] {
  const places = (Object.entries(routes) as [string, Route][])
    .filter(([name]) => name !== 'signOut' && name !== 'live')
    .flatMap(([name, route]) =>
      (['params', 'query', 'body'] as const)
        .flatMap((place) => Object.keys(route[place]?.shape ?? {}).map((field) => ({ place, field })))
        .concat(route.permission.includes(':') ? [{ place: 'headers' as never, field: projectHeader }] : [])
        .map((at) => ({ name, route, ...at })),
    );
  return texts.flatMap((text) => places.map((place) => ({ ...place, text })));
}

async function inject(
  world: ConsoleWorld,
  { route, place, field, text }: Injection,
  headers: Record<string, string>,
) {
  const { queryUrl, controlUrl } = world.runtime;
  const base = route.service === 'query' ? queryUrl : controlUrl;
  const path = route.path.replaceAll(
    /\{\w+\}/g,
    place === 'params' ? encodeURIComponent(wellFormed(text)) : 'nobody',
  );
  const query = place === 'query' ? `?${new URLSearchParams({ [field]: text }).toString()}` : '';
  const hasBody = route.method === 'POST' || route.method === 'PATCH';
  const isHeader = place === 'headers';
  const response = await fetch(base + path + query, {
    method: route.method,
    headers: {
      ...headers,
      'x-forwarded-host': new URL(world.runtime.consoleUrl).host,
      ...(hasBody && { 'content-type': 'application/json' }),
      ...(isHeader && {
        [field]: Buffer.from(text)
          .toString('latin1')
          .replaceAll(/[^\x20-\x7e\x80-\xff]/g, '.'),
      }),
    },
    ...(hasBody && { body: JSON.stringify(place === 'body' ? bodyWith(field, text) : {}) }),
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, text: await response.text() };
}

/** The text as the field's value, as the name of a member, and as a value deep inside. */
function bodyWith(field: string, text: string): object {
  return {
    name: 'n',
    [field]: text,
    ...(text.length % 2 ? { [text]: text } : {}),
    route: { fallbacks: [text] },
  };
}

function wellFormed(text: string): string {
  return text.replaceAll(/[\ud800-\udfff]/g, '.').slice(0, 1000);
}
