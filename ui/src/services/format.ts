/**
 * How every figure is written. Nothing else in the UI turns a number into text.
 * A missing value is an en dash, never 0; negative values have a true minus sign.
 */

import { decimal, rounded, sign, times, trimmed, written, type Decimal } from './decimal';

export const MISSING = '–';
const MINUS = '\u2212';

/** How an instrument's prices are written: decimals, or points and 32nds. */
export type Notation =
  { readonly kind: 'decimal'; readonly places: number } | { readonly kind: '32nds' };

export type Value = string | number | null | undefined;

/** Whole part and fraction, so that a column of prices aligns at the point. */
export interface Parts {
  readonly whole: string;
  readonly fraction: string;
}

const THIRTY_SECONDS = decimal('32')!;

function signed(text: string, plus = false): string {
  if (text.startsWith('-')) return /[1-9]/.test(text) ? MINUS + text.slice(1) : text.slice(1);
  return plus && /[1-9]/.test(text) ? `+${text}` : text;
}

function commas(whole: string): string {
  return whole.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Points and 32nds with `+` for a half: 118.328125 is 118'10+. Null off the grid of 64ths. */
function in32nds(value: Decimal, isMean: boolean): Parts | null {
  const halves = rounded(times(times(value, THIRTY_SECONDS), decimal('2')!), isMean ? 0 : 99);
  const exact = trimmed(halves);
  if (exact.scale > 0) return null;
  const negative = exact.units < 0n;
  const count = negative ? -exact.units : exact.units;
  const ticks = (count % 64n) / 2n;
  const fraction = `'${ticks.toString().padStart(2, '0')}${count % 2n === 1n ? '+' : ''}`;
  return { whole: `${negative ? '-' : ''}${count / 64n}`, fraction };
}

function inDecimals(value: Decimal, places: number, isMean: boolean): Parts {
  const exact = trimmed(value);
  // A price keeps all its digits; a mean is rounded to the instrument's own precision.
  const text = written(value, isMean ? places : Math.max(places, exact.scale));
  const [whole, fraction] = text.split('.');
  return { whole: whole!, fraction: fraction === undefined ? '' : `.${fraction}` };
}

/** Return a price's parts, or null where it is missing. `isMean` rounds, as for VWAP. */
export function priceParts(value: Value, notation: Notation, isMean = false): Parts | null {
  const found = decimal(value);
  if (!found) return null;
  const parts =
    notation.kind === '32nds'
      ? (in32nds(found, isMean) ?? inDecimals(found, 2, false))
      : inDecimals(found, notation.places, isMean);
  const isZero = !/[1-9]/.test(parts.whole + parts.fraction);
  const whole = parts.whole.replace('-', isZero ? '' : MINUS);
  return { whole, fraction: parts.fraction };
}

/** A price as traders of the instrument write it, without thousands separators. */
export function price(value: Value, notation: Notation, isMean = false): string {
  const parts = priceParts(value, notation, isMean);
  return parts ? parts.whole + parts.fraction : MISSING;
}

/** An average of fills: the digits that it needs, up to two beyond those of the tick. */
export function average(value: Value, notation: Notation): string {
  const found = decimal(value);
  // A 32nd has five digits.
  const places = notation.kind === '32nds' ? 5 : notation.places;
  return price(found && written(rounded(found, places + 2)), notation);
}

/** A change of a price: always with its sign, 0 without one. */
export function change(value: Value, notation: Notation): string {
  const parts = changeParts(value, notation);
  return parts ? parts.whole + parts.fraction : MISSING;
}

export function changeParts(value: Value, notation: Notation): Parts | null {
  const parts = priceParts(value, notation);
  if (!parts) return null;
  return direction(value) > 0 ? { whole: `+${parts.whole}`, fraction: parts.fraction } : parts;
}

/** 1 up, −1 down, 0 unchanged or missing. */
export function direction(value: Value): -1 | 0 | 1 {
  const found = decimal(value);
  return found ? sign(found) : 0;
}

export const ARROW: Record<-1 | 0 | 1, string> = { [-1]: '▼', 0: '■', 1: '▲' };

/** Percent with its sign and two decimals: +0.68%, −1.15%. */
export function percent(value: Value, places = 2): string {
  const found = decimal(value);
  return found ? `${signed(written(found, places), true)}%` : MISSING;
}

/** A share of a whole, without a sign: 58.7%. */
export function rate(value: Value, places = 1): string {
  const found = decimal(value);
  return found ? `${signed(written(found, places))}%` : MISSING;
}

/** A whole number with thousands commas: contracts, volume, ticks. */
export function size(value: Value): string {
  const found = decimal(value);
  if (!found) return MISSING;
  const text = written(found, 0);
  return signed(text.startsWith('-') ? `-${commas(text.slice(1))}` : commas(text));
}

/** Money with two decimals; `isResult` gives a gain its plus. */
export function money(value: Value, isResult = false): string {
  const found = decimal(value);
  if (!found) return MISSING;
  const [whole, fraction] = written(found, 2).split('.');
  const negative = whole!.startsWith('-');
  const text = `${negative ? '-' : ''}${commas(negative ? whole!.slice(1) : whole!)}.${fraction}`;
  return signed(text, isResult);
}

/** A number that is no price: a feature, a score. */
export function plainNumber(value: Value, places: number): string {
  const found = decimal(value);
  return found ? signed(written(found, places)) : MISSING;
}

/** A number as somebody set it, with all its decimals and no more: 0.012, −0.25, 55. */
export function asSet(value: Value): string {
  const found = decimal(value);
  return found ? signed(written(trimmed(found))) : MISSING;
}

/** How old: 0.1 s, 47 s, 2 m 06 s, 3 h 04 m, 2 d 5 h. */
export function age(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING;
  const past = Math.max(0, ms);
  if (past < 9_950) return `${(Math.floor(past / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(past / 1000);
  if (seconds < 60) return `${Math.max(10, seconds)} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${two(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${two(minutes % 60)} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long until: 5:13:48, under an hour 43:48. */
export function countdown(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING;
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const tail = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  return hours ? `${hours}:${tail}` : tail;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = clocks.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
    clocks.set(key, found);
  }
  return found;
}

const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
const DAY = { day: 'numeric', month: 'short' } as const;
const LONG_DAY = { weekday: 'short', day: 'numeric', month: 'short' } as const;

type Moment = string | number | null | undefined;

function instant(value: Moment): number | null {
  if (value === null || value === undefined || value === '') return null;
  const ms = typeof value === 'number' ? value : Date.parse(value);
  return Number.isFinite(ms) ? ms : null;
}

/** 24-hour time in a zone; the date before it where it is not the day of `now`. */
export function time(value: Moment, zone: string, now?: number): string {
  const ms = instant(value);
  if (ms === null) return MISSING;
  const clock = formatter(zone, CLOCK).format(ms);
  if (now === undefined || day(ms, zone) === day(now, zone)) return clock;
  return `${day(ms, zone)} ${clock}`;
}

/** A day in a zone: 16 Dec. */
export function day(value: Moment, zone: string): string {
  const ms = instant(value);
  return ms === null ? MISSING : formatter(zone, DAY).format(ms);
}

/** A date without a time, as the database writes it: Tue 16 Dec. */
export function date(value: string | null | undefined): string {
  const ms = value ? instant(`${value.slice(0, 10)}T12:00:00Z`) : null;
  return ms === null ? MISSING : formatter('UTC', LONG_DAY).format(ms).replace(',', '');
}

/** A date with its year, for days that are past: 25 Dec 2023. */
export function fullDate(value: string): string {
  const ms = instant(`${value.slice(0, 10)}T12:00:00Z`);
  return ms === null ? MISSING : formatter('UTC', { ...DAY, year: 'numeric' }).format(ms);
}

/** The city of a zone: Chicago. */
export function city(zone: string): string {
  return (zone.split('/').pop() ?? zone).replaceAll('_', ' ');
}
