import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type Part, toConversation } from './conversation.ts';

const recorded = new URL('../../../../libs/testkit/testdata/recorded/', import.meta.url);

function partsOf(dialect: string, path: string, request: object = {}): readonly Part[] {
  const response: unknown = JSON.parse(readFileSync(new URL(path, recorded), 'utf8'));
  const turns = toConversation({ dialect, request, response });
  return turns?.filter(({ isAnswer }) => isAnswer).flatMap(({ parts }) => parts) ?? [];
}

const namesOf = (folder: string): string[] =>
  readdirSync(new URL(folder, recorded)).filter((name) => name.endsWith('.json'));
const kindsOf = (parts: readonly Part[]): string[] =>
  parts.map((part) => (part.kind === 'toolCall' ? `toolCall ${part.name}` : part.kind));

describe('recorded answers as conversations', () => {
  const responses = (name: string) => partsOf('openai-responses', `openai/responses/${name}`);
  const messages = (name: string) => partsOf('anthropic-messages', `anthropic/native/${name}`);

  it('loses no item: what is not read is shown as it came', () => {
    for (const [dialect, folder, of] of [
      ['openai-responses', 'openai/responses/', 'output'],
      ['anthropic-messages', 'anthropic/native/', 'content'],
      ['gemini-generate-content', 'google/native/', 'candidates'],
    ] as const)
      for (const name of namesOf(folder)) {
        const body = JSON.parse(readFileSync(new URL(folder + name, recorded), 'utf8')) as Record<string, unknown>; // prettier-ignore
        const items = (body[of] ?? []) as { type: string }[];
        // A result stands in its call where both are here.
        const own = items.filter(({ type }) => !/_output$|_tool_result$/.test(type));
        const parts = partsOf(dialect, folder + name).filter(({ kind }) => kind !== 'citation');
        expect([name, parts.length >= own.length]).toEqual([name, true]);
      }
  });

  it('reads searches that the provider ran, with their citations', () => {
    const parts = responses('openai-web-search-tool.1.json');
    expect(parts.slice(0, 2)).toEqual([
      { kind: 'reasoning', text: '' },
      expect.objectContaining({
        ...{ kind: 'toolCall', name: 'web_search', isProviders: true },
        input: { type: 'search', query: 'tech news today December 5 2025' },
        result: expect.stringContaining('https://www.theverge.com/') as unknown,
      }),
    ]);
    expect(parts[3]).toMatchObject({ input: { type: 'open_page' }, result: null });
    expect(parts.find(({ kind }) => kind === 'citation')).toMatchObject({
      url: expect.stringMatching(/^https:/) as unknown,
    });
    expect(kindsOf(responses('openai-file-search-tool.1.json'))).toEqual(
      expect.arrayContaining(['reasoning', 'toolCall file_search', 'text', 'citation']),
    );
  });

  it('reads calls of remote servers with their results', () => {
    const [tools, call, text] = responses('openai-mcp-tool-approval.4.json');
    expect(tools).toMatchObject({ kind: 'other', label: 'mcp_list_tools' });
    expect(call).toMatchObject({ kind: 'toolCall', name: 'zip1.create_short_url', isProviders: true });
    expect(call).toMatchObject({ result: expect.stringContaining('Short URL created') as unknown });
    expect(text?.kind).toBe('text');
    expect(messages('anthropic-mcp.1.json')[0]).toEqual({
      ...{ kind: 'toolCall', id: 'mcptoolu_015oTj2fXVKLrDohFetJd5UL', name: 'echo.echo', isProviders: true },
      ...{ input: { message: 'hello world' }, result: 'Tool echo: hello world' },
    });
  });

  it('reads a shell and its outputs, patches, own tools and functions', () => {
    const [first, second] = responses('openai-shell-skills.1.json');
    expect(first).toMatchObject({ kind: 'toolCall', name: 'shell', result: expect.stringContaining('exit_code') as unknown }); // prettier-ignore
    expect(second).toMatchObject({ kind: 'toolCall', name: 'shell' });
    expect(kindsOf(responses('openai-apply-patch-tool.1.json'))).toEqual(['toolCall apply_patch']);
    expect(responses('openai-custom-tool.1.json')[0]).toMatchObject({
      ...{ kind: 'toolCall', id: 'call_custom_sql_001', name: 'write_sql' },
      ...{ input: 'SELECT * FROM users WHERE age > 25', result: null },
    });
    expect(kindsOf(responses('parallel-tool-call-wrapper.1.json'))).toEqual(['toolCall parallel']);
  });

  it('shows an image that was made', () => {
    const parts = responses('openai-image-generation-tool.1.json');
    expect(parts.find(({ kind }) => kind === 'image')).toMatchObject({ url: expect.stringMatching(/^data:image\/webp;base64,/) as unknown }); // prettier-ignore
  });

  it('reads thinking, tools of Anthropic and what they found', () => {
    expect(kindsOf(messages('anthropic-clear-thinking.1.json'))).toEqual(['reasoning', 'text']);
    expect(kindsOf(messages('anthropic-tool-search-bm25.1.json'))).toEqual([
      ...['text', 'toolCall tool_search_tool_bm25', 'text', 'toolCall get_weather'],
    ]);
    expect(messages('anthropic-web-fetch-tool.error.json')[1]).toMatchObject({
      ...{ kind: 'toolCall', name: 'web_fetch', isProviders: true, isError: true },
      result: expect.stringContaining('unavailable') as unknown,
    });
  });

  it('reads a legacy completion', () => {
    const path = 'openai/completion/openai-completion-text.json';
    expect(partsOf('openai-completions', path, { prompt: 'Invent a holiday.' })).toEqual([
      { kind: 'text', text: expect.stringContaining('Gratitude Day') as unknown },
    ]);
  });
});
