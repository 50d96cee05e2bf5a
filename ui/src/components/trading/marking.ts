/**
 * Positions and accounts between two answers of Thor: what a new last price adds. The answer itself
 * replaces it, so a page and `trade.positions` never drift apart.
 */

import { decimal, minus, negated, plus, times, written } from '@/services/decimal';
import type { QuoteRow } from '@/types/domain';
import type { AccountRow, PositionRow } from '@/types/domain';

type Held = Pick<PositionRow, 'quantity' | 'mark' | 'multiplier' | 'series' | 'symbol' | 'contract'>;
type Priced = Pick<QuoteRow, 'last' | 'contract'>;

/** Return the price that a position is marked at now: its own quote's, else its root's. */
export function markOf(
  position: Held,
  read: (symbol: string) => Priced | undefined,
): string | null {
  const own = read(position.series)?.last;
  if (own) return own;
  const followed = read(position.symbol);
  const isSame = !followed?.contract || followed.contract === position.contract;
  return (isSame ? followed?.last : null) ?? position.mark;
}

/** Return what a mark adds to the money of a position since it was answered. */
export function added(position: Held, mark: string | null): string {
  const [now, then, multiplier] = [decimal(mark), decimal(position.mark), decimal(position.multiplier)];
  if (!now || !then || !multiplier) return '0';
  const quantity = decimal(position.quantity)!;
  return written(times(times(minus(now, then), multiplier), quantity));
}

/** Return a sum of money, or null where the first is missing. */
export function sum(first: string | null | undefined, ...others: (string | null)[]): string | null {
  let found = decimal(first);
  for (const other of others) {
    const one = decimal(other);
    if (found && one) found = plus(found, one);
  }
  return found ? written(found) : null;
}

/** Return a position as it stands at another mark. */
export function marked(position: PositionRow, mark: string | null): PositionRow {
  const more = added(position, mark);
  return {
    ...position,
    mark,
    market_value: sum(position.market_value, more),
    unrealised: sum(position.unrealised, more),
    pnl_day: sum(position.pnl_day, more),
  };
}

/**
 * Return what makes the open profit of an account that of its positions at their marks: the two are
 * answered at different moments, and their figures stand on one page.
 */
export function addedToAll(
  account: Pick<AccountRow, 'account_id' | 'unrealised'>,
  positions: readonly PositionRow[],
  read: (symbol: string) => Priced | undefined,
): string {
  const held = positions.filter((one) => one.account_id === account.account_id);
  const open = held.map((one) => marked(one, markOf(one, read)).unrealised);
  if (held.length === 0 || account.unrealised === null || open.includes(null)) {
    return sum('0', ...held.map((one) => added(one, markOf(one, read)))) ?? '0';
  }
  return sum('0', ...open, negated(account.unrealised)) ?? '0';
}
