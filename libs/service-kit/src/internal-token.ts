import { createHmac, timingSafeEqual } from 'node:crypto';

/** What one service of a deployment shows another for a purpose: derived from the secret that both hold. */
export function internalToken(sessionSecret: string, purpose: string): string {
  return createHmac('sha256', sessionSecret).update(`loom internal ${purpose}`).digest('base64url');
}

/** Whether an `authorization` header shows the token. */
export function showsToken(authorization: string | undefined, token: string): boolean {
  const [given, expected] = [Buffer.from(authorization ?? ''), Buffer.from(`Bearer ${token}`)];
  return given.length === expected.length && timingSafeEqual(given, expected);
}
