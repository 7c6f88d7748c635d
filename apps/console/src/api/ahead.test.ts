import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import { askingScript, fetchAhead, firstQuestions } from './ahead.ts';

const answerOf = (text: string) => Promise.resolve(new Response(text));

describe('questions asked ahead', () => {
  afterEach(() => {
    globalThis.loomAhead = undefined;
  });

  it('are who is here, and the outline where the page is a trace', () => {
    expect(firstQuestions('/p/default', 'default').map(({ url }) => url)).toEqual(['/api/control/v1/me']);
    expect(firstQuestions('/p/shop/traces/abc', 'shop')[1]).toEqual({
      url: '/api/query/v1/traces/abc/outline',
      projectId: 'shop',
    });
  });

  it('cannot leave their script, whatever the path holds', () => {
    const script = askingScript(firstQuestions('/p/x/traces/</script><script>alert(1)', '</script>'));
    expect(script).not.toContain('</');
    const asked: unknown[] = [];
    const fetch = (url: string, { headers }: { headers: object }) => {
      asked.push([url, { ...headers }]);
      return answerOf('');
    };
    runInNewContext(script, { fetch });
    expect(asked).toHaveLength(1); // a slash in the id is no trace's path
    runInNewContext(askingScript(firstQuestions('/p/x/traces/%3C', '<x>')), { fetch });
    expect(asked.at(-1)).toEqual([
      '/api/query/v1/traces/%3C/outline',
      { accept: 'application/json', 'x-loom-project': '<x>' },
    ]);
  });

  it('are answered once, and only to the project that asked', async () => {
    const url = '/api/query/v1/traces/abc/outline';
    globalThis.loomAhead = { [`shop ${url}`]: answerOf('of the shop') };
    const ask = (projectId: string) =>
      fetchAhead(url, { method: 'GET', headers: { 'x-loom-project': projectId } });
    await expect(ask('other')).rejects.toThrow(); // a real fetch, and no such address here
    expect(await (await ask('shop')).text()).toBe('of the shop');
    await expect(ask('shop')).rejects.toThrow();
  });
});
