/** How much of each limit an account uses now, by what it holds and what works. */

import { decimal, plus, ratio, sign, times, written, type Decimal } from '@/services/decimal';
import { quotes } from '@/services/quotes';
import type { AccountRow, LimitRow, OrderRow, PositionRow } from '@/types/domain';

const ZERO: Decimal = { units: 0n, scale: 0 };
const size = (value: Decimal): Decimal => (value.units < 0n ? { ...value, units: -value.units } : value);

/** Return the contracts that could be held of each root, working orders counted. */
export function couldHold(
  positions: readonly PositionRow[],
  orders: readonly OrderRow[],
  rootOf: (symbol: string) => string = (symbol) => quotes.instrument(symbol)?.root ?? symbol,
): Map<string, number> {
  const held = new Map<string, [now: number, buying: number, selling: number]>();
  const of = (root: string) => held.get(root) ?? [0, 0, 0];
  for (const one of positions) {
    const [now, buying, selling] = of(one.root);
    held.set(one.root, [now + one.quantity, buying, selling]);
  }
  for (const one of orders) {
    const root = rootOf(one.symbol);
    const [now, buying, selling] = of(root);
    const left = one.quantity - one.filled_quantity;
    held.set(root, one.side === 'BUY' ? [now, buying + left, selling] : [now, buying, selling + left]);
  }
  return new Map(
    [...held].map(([root, [now, buying, selling]]) => [
      root,
      Math.max(Math.abs(now + buying), Math.abs(now - selling), Math.abs(now)),
    ]),
  );
}

/** Return what is used of a limit, in its own unit; null where the rule looks at one order alone. */
export function usedOf(
  limit: Pick<LimitRow, 'rule' | 'symbol'>,
  account: AccountRow | undefined,
  positions: readonly PositionRow[],
  orders: readonly OrderRow[],
  rootOf?: (symbol: string) => string,
): string | null {
  if (!account) return null;
  const values = positions.map((one) => decimal(one.market_value) ?? ZERO);
  switch (limit.rule) {
    case 'max_contracts': {
      const all = couldHold(positions, orders, rootOf);
      return String(limit.symbol ? (all.get(limit.symbol) ?? 0) : Math.max(0, ...all.values()));
    }
    case 'gross_exposure':
      return written(values.map(size).reduce(plus, ZERO));
    case 'net_exposure':
      return written(size(values.reduce(plus, ZERO)));
    case 'daily_loss': {
      const day = decimal(account.pnl_day);
      if (!day) return null;
      return sign(day) < 0 ? written(size(day)) : '0';
    }
    case 'drawdown':
      return account.drawdown;
    case 'margin_pct': {
      const [margin, value] = [decimal(account.margin_initial), decimal(account.net_liquidation)];
      const share = margin && value && sign(value) > 0 ? ratio(times(margin, decimal('100')!), value, 4) : null;
      return share ? written(share) : null;
    }
    default:
      return null;
  }
}
