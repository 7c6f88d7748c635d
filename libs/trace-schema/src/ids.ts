const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

// Random bytes are drawn in blocks: one system call for 512 ids.
const pool = new Uint8Array(8192);
let used = pool.length;

function randomBytes(count: number): Uint8Array {
  if (used + count > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}

function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hex[byte] as string;
  return text;
}

/** A UUIDv7 (RFC 9562): 48 bits of unix milliseconds, then random bits. Sortable by time to the millisecond. */
export function newUuid(nowMs: number = Date.now()): string {
  const random = toHex(randomBytes(10));
  const variant = ((Number.parseInt(random[3] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${uuidFloor(nowMs)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

/** Not after any UUIDv7 that was made at this moment or later, and after all others. Unix milliseconds. */
export function uuidFloor(timeMs: number): string {
  const time = Math.floor(timeMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}

/** The unix milliseconds that a UUIDv7 was made at. */
export function uuidTimeMs(uuid: string): number {
  return Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}

/** A W3C trace id: 32 lower-case hex digits, never all zero. */
export function newTraceId(): string {
  const id = toHex(randomBytes(16));
  return /^0+$/.test(id) ? newTraceId() : id;
}

/** A W3C span id: 16 lower-case hex digits, never all zero. */
export function newSpanId(): string {
  const id = toHex(randomBytes(8));
  return /^0+$/.test(id) ? newSpanId() : id;
}

const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/** Reads a W3C `traceparent` header; null when it is malformed, which starts a new trace (W3C Trace Context 4.3). */
export function parseTraceparent(header: string): { traceId: string; parentSpanId: string } | null {
  const match = traceparent.exec(header.trim());
  if (!match) return null;
  const [, version, traceId = '', parentSpanId = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentSpanId)) return null;
  return { traceId, parentSpanId };
}
