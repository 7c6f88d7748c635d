import { LoomError } from '@loom/errors';

const daySeconds = 86_400;
/** No zone is further from UTC. Seconds. */
const offsetMax = 15 * 3600;

export interface TimeBuckets {
  /** Unix seconds. */
  readonly from: number;
  readonly to: number;
  /** Of one bucket: whole days, or less than a day. */
  readonly bucketSeconds: number;
  /** An IANA name: `Europe/Prague`. */
  readonly timeZone: string;
}

/**
 * Returns the starts of the buckets that cover a range, in unix seconds; the first is not after `from`. In UTC they are the
 * multiples of `bucketSeconds`. In other zones buckets of days
 * begin at local midnight, whatever the clock does that day; shorter ones count from there. Several days count from the
 * local 1970-01-01. Throws `invalid_request` for an unknown zone and for a length that fits neither.
 */
export function bucketStarts({ from, to, bucketSeconds, timeZone }: TimeBuckets): number[] {
  if (timeZone === 'UTC') return multiples(from, to, bucketSeconds);
  const days = bucketSeconds / daySeconds;
  if (days > 1 && !Number.isInteger(days))
    throw new LoomError(
      'invalid_request',
      `with timeZone, bucketSeconds is at most a day or a number of whole days`,
      {
        param: 'bucketSeconds',
      },
    );
  const zone = new Zone(timeZone);
  const step = Math.max(1, days);
  const starts: number[] = [];
  let day = Math.floor(zone.dayOf(from) / step) * step;
  for (let start = zone.startOf(day); start < to; day += step) {
    const next = zone.startOf(day + step);
    for (let at = start; at < next; at += days >= 1 ? next - start : bucketSeconds) starts.push(at);
    start = next;
  }
  const first = starts.findLastIndex((start) => start <= from);
  return starts.slice(first).filter((start) => start < to);
}

function multiples(from: number, to: number, step: number): number[] {
  const first = Math.floor(from / step);
  return Array.from(
    { length: Math.max(0, Math.ceil(to / step) - first) },
    (_, index) => (first + index) * step,
  );
}

class Zone {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
        ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
      });
    } catch {
      throw new LoomError(
        'invalid_request',
        `${JSON.stringify(timeZone.slice(0, 64))} is no time zone; send an IANA name like Europe/Prague`,
        { param: 'timeZone' },
      );
    }
  }

  /** The local day, as a count of days since 1970-01-01. */
  dayOf(seconds: number): number {
    return Math.floor((seconds + this.#offsetAt(seconds)) / daySeconds);
  }

  /** The first second of a local day. */
  startOf(day: number): number {
    let low = day * daySeconds - offsetMax;
    let high = day * daySeconds + offsetMax;
    const offset = this.#offsetAt(low);
    if (offset === this.#offsetAt(high)) return day * daySeconds - offset;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.dayOf(middle) >= day) high = middle;
      else low = middle;
    }
    return high;
  }

  /** Local time minus UTC. Seconds. */
  #offsetAt(seconds: number): number {
    const parts = this.#format.formatToParts(seconds * 1000);
    const [month, day, year, hour, minute, second] = parts
      .filter(({ type }) => type !== 'literal' && type !== 'dayPeriod' && type !== 'era')
      .map(({ value }) => Number(value));
    const local = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
    return local / 1000 - seconds;
  }
}
