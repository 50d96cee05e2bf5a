/**
 * Exact decimals. Prices come as decimal strings; a double would round what the database keeps.
 * Rounding is half away from zero, as PostgreSQL's `round(numeric)` does it, so that a page and
 * the select it copies agree.
 */

export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

const FORM = /^([+-]?)(\d+)(?:\.(\d*))?$/;
const cache = new Map<string, Decimal>();

/** Return the decimal that a text or number writes, or null where it writes none. */
export function decimal(value: string | number | null | undefined): Decimal | null {
  if (value === null || value === undefined) return null;
  const text = typeof value === 'number' ? plain(value) : value;
  const known = cache.get(text);
  if (known) return known;
  const match = FORM.exec(text.trim());
  if (!match) return null;
  const fraction = match[3] ?? '';
  const magnitude = BigInt(match[2]! + fraction);
  const found = { units: match[1] === '-' ? -magnitude : magnitude, scale: fraction.length };
  if (cache.size > 20_000) cache.clear();
  cache.set(text, found);
  return found;
}

function plain(value: number): string {
  if (!Number.isFinite(value)) return '';
  const text = String(value);
  return text.includes('e') ? value.toFixed(12) : text;
}

function power(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

function scaled(value: Decimal, scale: number): bigint {
  return value.units * power(scale - value.scale);
}

function divided(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n !== denominator < 0n;
  const n = numerator < 0n ? -numerator : numerator;
  const d = denominator < 0n ? -denominator : denominator;
  const quotient = (n * 2n + d) / (d * 2n);
  return negative ? -quotient : quotient;
}

/** Return a value with at most `places` decimals. */
export function rounded(value: Decimal, places: number): Decimal {
  if (value.scale <= places) return value;
  return { units: divided(value.units, power(value.scale - places)), scale: places };
}

export function minus(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: scaled(a, scale) - scaled(b, scale), scale };
}

export function plus(a: Decimal, b: Decimal): Decimal {
  return minus(a, { units: -b.units, scale: b.scale });
}

export function times(a: Decimal, b: Decimal): Decimal {
  return { units: a.units * b.units, scale: a.scale + b.scale };
}

/** Return a ÷ b × `factor` with `places` decimals, or null where b is 0. */
export function ratio(a: Decimal, b: Decimal, places: number, factor = 1n): Decimal | null {
  if (b.units === 0n) return null;
  const numerator = a.units * power(b.scale + places) * factor;
  return { units: divided(numerator, b.units * power(a.scale)), scale: places };
}

export function compared(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const difference = scaled(a, scale) - scaled(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function sign(value: Decimal): -1 | 0 | 1 {
  return value.units < 0n ? -1 : value.units > 0n ? 1 : 0;
}

/** Return the text of a value with exactly `places` decimals, or as many as it has. */
export function written(value: Decimal, places = value.scale): string {
  const found = value.scale > places ? rounded(value, places) : value;
  const units = scaled(found, places);
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  const text = places === 0 ? whole : `${whole}.${digits.slice(-places)}`;
  return negative ? `-${text}` : text;
}

/** Return a value without the zeros that end its fraction. */
export function trimmed(value: Decimal): Decimal {
  let { units, scale } = value;
  while (scale > 0 && units % 10n === 0n) {
    units /= 10n;
    scale -= 1;
  }
  return { units, scale };
}

/** Return the text of a value with the other sign, or null where it is missing. */
export function negated(value: string | null | undefined): string | null {
  const found = decimal(value);
  return found ? written({ units: -found.units, scale: found.scale }) : null;
}
