/** How far an entry is on its way, in words and on a scale; no figure is invented without a price. */

import type { components } from '@/types/api';
import type { QuoteRow } from '@/types/domain';

export type Row = components['schemas']['MarketOpen'];

/** The fields of a quote that an exit may go by. */
export const EXITS = ['bid', 'ask', 'last', 'state'] as const;
export type Exits = Pick<QuoteRow, (typeof EXITS)[number]>;

export function isLong(row: Row): boolean {
  return row.bhs === 'BUY' || row.bhs === 'STRONG_BUY';
}

/** The price at which an entry would be left now: long at the bid, short at the ask. */
export function exitPrice(row: Row, quote: Exits | undefined): number | null {
  if (!quote || quote.state === 'DEAD') return null;
  const text = row.is_by_last ? quote.last : isLong(row) ? quote.bid : quote.ask;
  return text === null ? null : Number(text);
}

/** Where a row stands: −1 at the stop, 0 at the entry, 1 at the target; null where it has none. */
export function progress(row: Row, price: number | null): number | null {
  if (row.wndw === 'WORKED') return 1;
  if (row.wndw === 'DIDNT_WORK') return -1;
  if (row.entry_price === null || row.wndw !== 'PENDING' || price === null) return null;
  const entry = Number(row.entry_price);
  const way = isLong(row) ? 1 : -1;
  const gain = way * (price - entry);
  const end = gain >= 0 === isLong(row) ? Number(row.target_high) : Number(row.target_low);
  return Math.max(-1, Math.min(1, gain / Math.abs(end - entry)));
}

/** Ticks to the target and to the stop, each rounded up; null without a price. */
export function distances(row: Row, price: number | null): { target: number; stop: number } | null {
  if (row.wndw !== 'PENDING' || price === null || row.tick_size === null) return null;
  const [high, low, tick] = [Number(row.target_high), Number(row.target_low), Number(row.tick_size)];
  const up = ticks(high - price, tick);
  const down = ticks(price - low, tick);
  return isLong(row) ? { target: up, stop: down } : { target: down, stop: up };
}

function ticks(points: number, tick: number): number {
  return Math.max(0, Math.ceil(points / tick - 1e-6));
}

/** An interval that leaves one half speaks; any other may be chance. */
export function leavesHalf(low: string | null, high: string | null): -1 | 0 | 1 {
  if (low === null || high === null) return 0;
  return Number(low) > 0.5 ? 1 : Number(high) < 0.5 ? -1 : 0;
}
