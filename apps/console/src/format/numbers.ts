const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const oneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD' });
const significant = new Intl.NumberFormat(undefined, {
  style: 'currency',
  currency: 'USD',
  maximumSignificantDigits: 3,
  minimumFractionDigits: 0,
});

export function formatCount(value: number): string {
  return whole.format(value);
}

/** `1.2M`: for tiles and axes; say the whole number in a title. */
export function formatCompact(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

/** Of a decimal text or number of US dollars. Small amounts keep three significant digits. */
export function formatUsd(value: string | number): string {
  const amount = Number(value);
  if (amount === 0) return '$0';
  return Math.abs(amount) < 0.1 ? significant.format(amount) : cents.format(amount);
}

/** A price as it is written down: all its digits, and at least two after the point. */
export function formatPrice(decimal: string): string {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return `$${whole}.${fraction.padEnd(2, '0')}`;
}

export function formatPercent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  return `${share > 0 && share < 0.001 ? '<0.1' : oneDigit.format(share * 100)}%`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const exponent = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${oneDigit.format(bytes / 1024 ** exponent)} ${units[exponent] ?? 'B'}`;
}

/** `0.4 ms`, `420 ms`, `1.24 s`, `2 min 3 s`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${oneDigit.format(ms)} ms`;
  if (ms < 1000) return `${whole.format(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return joined(minutes, 'min', Math.floor((ms % 60_000) / 1000), 's');
  return joined(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
