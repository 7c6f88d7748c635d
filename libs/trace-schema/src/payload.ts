import * as z from 'zod';

/**
 * One payload (a request body, the raw bytes of an answer) as an event carries it. `length` and `hash` are those of
 * the plain bytes, before `codec`; with `keyId` the encoded bytes are encrypted under that bucket key.
 * At most {@link inlinePayloadBytesMax} encoded bytes travel in `data`; a larger payload has `data: null` and
 * travelled before, as `parts` numbered `call.part` events.
 */
export const Payload = z.strictObject({
  codec: z.enum(['identity', 'zstd']),
  keyId: z.string().nullable(),
  length: z.int().nonnegative(),
  /**
   * Lower-case hex SHA-256 of the plain bytes, all of them, also when `storedLength` is smaller. With `keyId` it is the
   * salted commitment of ADR 0016 in its place: a plain hash of a short text can be guessed, also after the key is gone.
   */
  hash: z.string().length(64),
  /**
   * SHA-256 of the plain bytes that are kept, when they are fewer and not sealed. Where they are, the 32 bytes of the
   * SHA-256 of all plain bytes are encrypted behind the encoded ones.
   */
  storedHash: z.string().length(64).optional(),
  /** Plain bytes that are kept: smaller than `length` when the payload was longer than the capture limit. */
  storedLength: z.int().nonnegative(),
  parts: z.int().nonnegative(),
  /** Base64 of the encoded bytes, or null when they travelled as parts. */
  data: z.string().nullable(),
});
export type Payload = z.infer<typeof Payload>;

export const inlinePayloadBytesMax = 512 * 1024;

/** No record and no Kafka message is larger than this. Bytes. */
export const recordBytesMax = 900 * 1024;

export const PayloadPart = z.enum(['request', 'response']);
export type PayloadPart = z.infer<typeof PayloadPart>;
