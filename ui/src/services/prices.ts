/** Prices as a trader types them, and the grid that they stand on. */

import { compared, decimal, minus, sign, trimmed, written, type Decimal } from './decimal';
import type { Notation } from './format';

const IN_32NDS = /^(-?\d+)['-](\d{1,2})(\+?)$/;

/** Return the decimal text of a typed price, `118'10+` or `6873.75`; null where it is none. */
export function readPrice(typed: string, notation: Notation): string | null {
  const text = typed.trim().replaceAll('\u2212', '-').replaceAll(',', '');
  const match = notation.kind === '32nds' ? IN_32NDS.exec(text) : null;
  if (match) {
    const ticks = Number(match[2]);
    if (ticks > 31) return null;
    const halves = BigInt(ticks * 2 + (match[3] ? 1 : 0));
    const whole = BigInt(match[1]!);
    const isNegative = match[1]!.startsWith('-');
    // A half of a 32nd is 0.015625.
    const units = whole * 1_000_000n + (isNegative ? -1n : 1n) * halves * 15_625n;
    return written(trimmed({ units, scale: 6 }));
  }
  const found = decimal(text);
  return found ? written(trimmed(found)) : null;
}

/** Return how many whole ticks a price is above 0, and whether it stands on the grid. */
function onto(price: Decimal, tick: Decimal): { ticks: bigint; isOnGrid: boolean } {
  const scale = Math.max(price.scale, tick.scale);
  const units = price.units * 10n ** BigInt(scale - price.scale);
  const step = tick.units * 10n ** BigInt(scale - tick.scale);
  let ticks = units / step;
  if (units < 0n && units % step !== 0n) ticks -= 1n;
  return { ticks, isOnGrid: units % step === 0n };
}

function at(ticks: bigint, tick: Decimal): string {
  return written(trimmed({ units: ticks * tick.units, scale: tick.scale }));
}

/** Return whether a price is a whole number of ticks. */
export function isOnGrid(price: string, tickSize: string): boolean {
  const [found, tick] = [decimal(price), decimal(tickSize)];
  return !!found && !!tick && onto(found, tick).isOnGrid;
}

/** Return the price so many ticks away; one off the grid goes to the grid first. */
export function stepped(price: string, tickSize: string, by: number): string {
  const [found, tick] = [decimal(price), decimal(tickSize)];
  if (!found || !tick) return price;
  const { ticks, isOnGrid: isThere } = onto(found, tick);
  const from = !isThere && by < 0 ? ticks + 1n : ticks;
  return at(from + BigInt(by), tick);
}

/** Return the ticks from one price to another, signed; null where one is missing. */
export function ticksBetween(
  from: string | null | undefined,
  to: string | null | undefined,
  tickSize: string | undefined,
): number | null {
  const [a, b, tick] = [decimal(from), decimal(to), decimal(tickSize)];
  if (!a || !b || !tick || sign(tick) <= 0) return null;
  return Number(onto(minus(b, a), tick).ticks);
}

/** Return whether the first price is above the second. */
export function isAbove(a: string, b: string): boolean {
  const [x, y] = [decimal(a), decimal(b)];
  return !!x && !!y && compared(x, y) > 0;
}
