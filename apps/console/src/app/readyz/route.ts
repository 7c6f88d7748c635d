import { serviceUrls } from '../../config.ts';

export const dynamic = 'force-dynamic';

const answerMs = 2000;

/** Whether the services that every page needs can serve. */
export async function GET(): Promise<Response> {
  const names = Object.keys(serviceUrls);
  const ready = await Promise.all(names.map((name) => isReady(serviceUrls[name])));
  const missing = names.filter((_, index) => ready[index] === false);
  if (missing.length === 0) return Response.json({ status: 'ok' });
  return Response.json(
    { status: 'unavailable', message: `not ready: ${missing.join(', ')}` },
    { status: 503 },
  );
}

async function isReady(url: string | undefined): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(answerMs) })).ok;
  } catch {
    return false;
  }
}
