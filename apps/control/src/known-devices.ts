import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { hostCookie, readHostCookie } from '@loom/service-kit';
import type { IncomingHttpHeaders } from 'node:http';

const name = 'loom_device';
const idBytes = 16;
const maxAgeSeconds = 180 * 86_400;

export interface KnownDevicesDeps {
  /** Signs the cookies; another one makes every device unknown. */
  readonly secret: string;
  readonly now?: () => number;
}

/**
 * Devices that an account was signed in on, told by a cookie `<id>.<end>.<signature>`. It is good for that account until
 * its end (unix seconds), and opens nothing: it says whose failed sign-ins count apart from those of strangers.
 */
export class KnownDevices {
  readonly #secret: string;
  readonly #now: () => number;

  constructor({ secret, now = Date.now }: KnownDevicesDeps) {
    this.#secret = secret;
    this.#now = now;
  }

  /** Id of the device when the account was signed in on it, else null. */
  read(headers: IncomingHttpHeaders, email: string): string | null {
    for (const cookie of readHostCookie(headers, name)) {
      const [id = '', end = '', signature = ''] = cookie.split('.');
      const [given, expected] = [Buffer.from(signature), Buffer.from(this.#sign(email, id, end))];
      const isOurs = given.length === expected.length && timingSafeEqual(given, expected);
      if (isOurs && Number(end) * 1000 > this.#now()) return id;
    }
    return null;
  }

  /** The `set-cookie` that makes the device known, or keeps it so. */
  cookie(headers: IncomingHttpHeaders, email: string): string {
    const id = this.read(headers, email) ?? randomBytes(idBytes).toString('base64url');
    const end = String(Math.floor(this.#now() / 1000) + maxAgeSeconds);
    const value = [id, end, this.#sign(email, id, end)].join('.');
    return hostCookie(headers, { name, value, maxAgeSeconds });
  }

  #sign(email: string, id: string, end: string): string {
    const text = JSON.stringify(['loom device', email.toLowerCase(), id, end]);
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}
