import { BlockList, isIP } from 'node:net';
import { LoomError } from '@loom/errors';
import { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text that must not be printed: `String()`, JSON and logs show `[redacted]`; `reveal()` gives the text. */
export class Secret {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  reveal(): string {
    return this.#text;
  }
  toString(): string {
    return '[redacted]';
  }
  toJSON(): string {
    return '[redacted]';
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]';
  }
}

/** The message of a text that is no secret: what was expected, and what is there. */
const expected =
  (what: string) =>
  ({ input }: { readonly input?: unknown }): string =>
    `expected ${what}, not ${JSON.stringify(input)}`;

/** `true`/`1`/`yes` or `false`/`0`/`no`. */
export const envBoolean = z
  .enum(['true', '1', 'yes', 'false', '0', 'no'], { error: expected('true or false') })
  .transform((text) => text === 'true' || text === '1' || text === 'yes');

/** A whole number within bounds. */
export const envInteger = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, { error: expected('a whole number') })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: expected(`${min} to ${max}`) });

/** A TCP port; 0 means any free one. */
export const envPort = envInteger(0, 65_535);

const byteUnits: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Bytes, with an optional unit: `33554432`, `32MiB`. */
export const envBytes = z
  .string()
  .regex(/^\d+(KiB|MiB|GiB)?$/, { error: expected('bytes, such as 33554432 or 32MiB') })
  .transform((text) => Number.parseInt(text, 10) * (byteUnits[text.replace(/^\d+/, '')] ?? 1));

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration with its unit: `250ms`, `30s`, `5m`. Milliseconds out. */
export const envDurationMs = z
  .string()
  .regex(/^\d+(ms|s|m|h|d)$/, { error: expected('a duration, such as 250ms, 30s, 5m') })
  .transform((text) => Number.parseInt(text, 10) * (durationUnits[text.replace(/^\d+/, '')] ?? 1));

/** Entries separated by commas; empty when unset. */
export const envList = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
  );

export const envEmail = z.email({ error: expected('an email address') });

export const envUrl = z.string().transform((text, context) => {
  if (URL.canParse(text)) return new URL(text);
  context.addIssue({ code: 'custom', message: 'expected a URL, such as http://127.0.0.1:8123' });
  return z.NEVER;
});

/** `<name>=<URL>` entries, separated by commas. */
export const envNamedUrls = envList.transform((entries, context) => {
  const named = new Map<string, string>();
  for (const entry of entries) {
    const [name = '', url = ''] = entry.split(/=(.*)/s);
    if (name !== '' && URL.canParse(url)) named.set(name, url.replace(/\/$/, ''));
    else context.addIssue({ code: 'custom', message: 'expected <name>=<URL>, separated by commas' });
  }
  return named;
});

/** Ports and ranges of ports, separated by commas: `443,8000-8999`. */
export const envPortRanges = envList.transform((entries, context) =>
  entries.map((entry) => {
    const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(entry) ?? [];
    const range = { from: Number(from), to: Number(to) };
    if (range.from >= 1 && range.from <= range.to && range.to <= 65_535) return range;
    context.addIssue({
      code: 'custom',
      message: `${entry} is no port and no range of ports such as 8000-8999`,
    });
    return z.NEVER;
  }),
);

/** Addresses and networks in CIDR notation, separated by commas, as one list to check against; empty when unset. */
export const envNetworks = envList.transform((entries, context) => {
  const networks = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix, more] = entry.split('/');
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 4 ? 32 : 128) : Number(prefix);
    const isNetwork = version !== 0 && more === undefined && /^\d{1,3}$/.test(String(prefix ?? bits));
    if (isNetwork && bits <= (version === 4 ? 32 : 128))
      networks.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
    else
      context.addIssue({
        code: 'custom',
        message: `${entry} is no address and no network such as 10.1.0.0/16`,
      });
  }
  return networks;
});

export const envSecret = z
  .string()
  .min(1)
  .transform((text) => new Secret(text));

/** A URL for logs: without its password. */
export function redactUrl(url: URL | string): string {
  const copy = new URL(url);
  if (copy.password) copy.password = 'redacted';
  return copy.href;
}

/**
 * Reads a service's configuration from its environment: every fault at once, each with its variable. With `known`,
 * an unknown `LOOM_*` variable is a fault too, with the nearest known name.
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Environment,
  known: readonly string[] = [],
): Readonly<z.infer<z.ZodObject<Shape>>> {
  const names = [...Object.keys(schema.shape), ...known];
  const faults = Object.keys(env)
    .filter((name) => known.length > 0 && name.startsWith('LOOM_') && !names.includes(name))
    .map(
      (name) => `${name}: unknown variable; did you mean ${nearest(name, names) ?? 'nothing of that kind'}?`,
    );
  const present = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name in schema.shape && value !== ''),
  );
  const parsed = schema.safeParse(present);
  if (!parsed.success) {
    faults.push(...parsed.error.issues.map((issue) => faultOf(schema.shape, issue, present)));
  }
  if (!parsed.success || faults.length > 0) {
    throw new LoomError('config_invalid', `configuration: ${faults.join('; ')}`);
  }
  return Object.freeze(parsed.data);
}

function faultOf(shape: z.ZodRawShape, issue: z.core.$ZodIssue, present: object): string {
  const name = issue.path.join('.');
  if (name in present) return `${name}: ${issue.message}`;
  const description = (shape[name] as z.ZodType | undefined)?.description;
  return description === undefined ? `${name} is not set` : `${name} is not set: ${description}`;
}

/** The name that was probably meant; undefined when none is within `distanceMax` changed letters. */
export function nearest(name: string, names: readonly string[], distanceMax = Infinity): string | undefined {
  const scored = names.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  scored.sort((a, b) => a.distance - b.distance);
  const [best] = scored;
  return best && best.distance <= distanceMax ? best.candidate : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
