const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const exactClock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});
const shortDay = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

/** `14:03:22` of today, `Nov 20, 14:03:22` before. Local time. */
export function formatTime(instant: string | number, now = Date.now()): string {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date(now).toDateString();
  return (isToday ? clock : dayAndClock).format(date);
}

/** `14:03:22.120` today, `Nov 20, 14:03:22.120` before: for lists, where every call has its own time. */
export function formatExactTime(instant: string | number, now = Date.now()): string {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? exactClock.format(date) : `${shortDay.format(date)}, ${exactClock.format(date)}`;
}

export function formatDay(instant: string | number): string {
  return day.format(new Date(instant));
}

/** With date, time and zone: for titles. */
export function formatInstant(instant: string | number): string {
  return full.format(new Date(instant));
}

export function isPast(instant: string): boolean {
  return Date.parse(instant) <= Date.now();
}

/** `3 min ago`, `in 2 days`. */
export function formatRelative(instant: string | number, now = Date.now()): string {
  const seconds = (new Date(instant).getTime() - now) / 1000;
  const steps: readonly [number, Intl.RelativeTimeFormatUnit][] = [
    [60, 'second'],
    [3600, 'minute'],
    [86_400, 'hour'],
    [86_400 * 30, 'day'],
    [86_400 * 365, 'month'],
    [Infinity, 'year'],
  ];
  let size = 1;
  for (const [limit, unit] of steps) {
    if (Math.abs(seconds) < limit) return relative.format(Math.round(seconds / size), unit);
    size = limit;
  }
  return '';
}
