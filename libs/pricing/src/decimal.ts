import { LoomError } from '@loom/errors';

/** An exact non-negative decimal number: `digits` × 10^-`scale`. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

export const zero: Decimal = { digits: 0n, scale: 0 };

const pattern = /^\d{1,30}(\.\d{1,30})?$/;

/** Reads `12.50`; no sign, no exponent, at most 30 digits on each side. Throws `invalid_request` on anything else. */
export function parseDecimal(text: string): Decimal {
  if (!pattern.test(text)) {
    throw new LoomError('invalid_request', `"${text.slice(0, 80)}" is not a decimal number such as 0.15`);
  }
  const [whole = '', fraction = ''] = text.split('.');
  return { digits: BigInt(whole + fraction), scale: fraction.length };
}

/** The shortest exact form: no trailing zeros, no exponent. */
export function formatDecimal({ digits, scale }: Decimal): string {
  const text = digits.toString().padStart(scale + 1, '0');
  const whole = text.slice(0, text.length - scale);
  const fraction = text.slice(text.length - scale).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: scaleUp(a, scale) + scaleUp(b, scale), scale };
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  return { digits: a.digits * b.digits, scale: a.scale + b.scale };
}

/** `count` units at a price per million units. */
export function perMillion(price: Decimal, count: number): Decimal {
  return { digits: price.digits * BigInt(count), scale: price.scale + 6 };
}

function scaleUp(value: Decimal, scale: number): bigint {
  return value.digits * 10n ** BigInt(scale - value.scale);
}
