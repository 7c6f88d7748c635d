import type { LoomClient, Span } from '@loom/api-contract';

/** Spans of the traces as JSON Lines, one span a line, with requests and answers as far as they are inline. */
export async function exportTraces(
  client: LoomClient,
  traceIds: readonly string[],
  onProgress: (done: number) => void,
): Promise<Blob> {
  const lines: string[] = [];
  for (const [index, traceId] of traceIds.entries()) {
    for await (const span of spansOf(client, traceId)) lines.push(JSON.stringify(span), '\n');
    onProgress(index + 1);
  }
  return new Blob(lines, { type: 'application/jsonl' });
}

async function* spansOf(client: LoomClient, traceId: string): AsyncGenerator<Span> {
  let cursor: string | undefined;
  do {
    const page = await client.getTrace({
      params: { traceId },
      query: { ...(cursor !== undefined && { cursor }) },
    });
    yield* page.spans;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
