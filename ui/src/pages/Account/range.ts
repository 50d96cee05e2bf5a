/** The trade dates that a statement is of, and its sums by symbol. */

import { sum } from '@/components/trading/marking';
import { negated } from '@/services/decimal';
import type { AccountPnl, PositionRow, StatementLine } from '@/types/domain';

export const SPANS = ['Today', 'Week', 'Month', 'Year', 'Range'] as const;
export type Span = (typeof SPANS)[number];
/** The longest statement that Thor gives. */
export const DAYS_MAX = 370;

const DAY_MS = 86_400_000;
const isDate = (text: string | undefined): text is string => /^\d{4}-\d{2}-\d{2}$/.test(text ?? '') && Number.isFinite(Date.parse(text!));
const dayBefore = (date: string, days: number) =>
  new Date(Date.parse(date) - days * DAY_MS).toISOString().slice(0, 10);

export interface Range {
  readonly from: string;
  readonly to: string;
  /** Why there is no such statement; null where there is one. */
  readonly fault: string | null;
}

/** Return the dates of a span that ends today, the trade date; or those that were asked for. */
export function rangeOf(span: Span, today: string, from?: string, to?: string): Range {
  if (span === 'Range') {
    const [first, last] = [isDate(from) ? from : today, isDate(to) ? to : today];
    const days = (Date.parse(last) - Date.parse(first)) / DAY_MS + 1;
    const fault =
      days < 1
        ? 'The range ends before it begins.'
        : days > DAYS_MAX
          ? `A statement is of ${DAYS_MAX} days at most, these are ${days}.`
          : null;
    return { from: first, to: last, fault };
  }
  const start = {
    Today: today,
    Week: dayBefore(today, 6),
    Month: `${today.slice(0, 8)}01`,
    Year: `${today.slice(0, 5)}01-01`,
  }[span];
  return { from: start, to: today, fault: null };
}

/** What the trades of one symbol came to, in account currency. */
export interface OfSymbol {
  readonly series: string;
  /** Contracts bought and sold. */
  readonly traded: number;
  readonly realised: string;
  readonly commission: string;
  readonly net: string;
}

/** Return the sums of a statement's trades, by symbol. */
export function bySymbol(lines: readonly StatementLine[]): OfSymbol[] {
  const found = new Map<string, OfSymbol>();
  for (const line of lines) {
    if (line.section !== 'TRADE' || line.symbol === null) continue;
    const before = found.get(line.symbol) ?? { traded: 0, realised: '0', commission: '0' };
    const realised = sum(before.realised, line.realised)!;
    const commission = sum(before.commission, line.commission)!;
    found.set(line.symbol, {
      series: line.symbol,
      traded: before.traded + (line.quantity ?? 0),
      realised,
      commission,
      net: sum(realised, negated(commission))!,
    });
  }
  return [...found.values()].sort((a, b) => a.series.localeCompare(b.series));
}

type Made = AccountPnl['symbols'];
/** The money of a symbol's row. */
export type Money = 'realised' | 'commission' | 'pnl' | 'open' | 'day' | 'year';
/** What a symbol made: in the range, open, today and in the year; null where that is not known. */
export interface Profit extends Record<Money, string | null> {
  readonly series: string;
  readonly bought: number;
  readonly sold: number;
}

/** Return what each symbol of a range, of the year or of what is held made. */
export function profits(range: Made, year: Made, positions: readonly PositionRow[]): Profit[] {
  const of = <T extends { readonly series: string }>(rows: readonly T[], series: string) =>
    rows.find((one) => one.series === series);
  const names = new Set([...range, ...year, ...positions].map((one) => one.series));
  return [...names].sort().map((series) => {
    const [made, held, all] = [of(range, series), of(positions, series), of(year, series)];
    return {
      series,
      bought: made?.bought ?? 0,
      sold: made?.sold ?? 0,
      realised: made?.realised ?? '0',
      commission: made?.commission ?? '0',
      pnl: made ? made.pnl : '0',
      open: held ? held.unrealised : '0',
      day: held ? held.pnl_day : '0',
      year: all ? all.pnl : '0',
    };
  });
}

/** Return a sum of money; null while it is not read, or one of it is not known. */
export function sumOf(values: readonly (string | null)[] | undefined): string | null {
  if (!values || values.includes(null)) return null;
  return sum('0', ...values);
}
