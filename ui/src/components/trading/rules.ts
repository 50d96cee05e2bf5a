/** The rules of risk in a trader's words, and how their figures are written. */

import * as format from '@/services/format';
import type { CheckRow } from '@/types/domain';

type Unit = 'contracts' | 'money' | 'percent' | 'count' | 'seconds' | 'minutes' | 'days';

interface Rule {
  readonly title: string;
  readonly short: string;
  readonly unit: Unit;
  /** The figure has to stay above the limit, not below it. */
  readonly isLeast?: boolean;
}

export const RULES: Readonly<Record<string, Rule>> = {
  max_contracts: { title: 'Contracts of the symbol', short: 'contracts', unit: 'contracts' },
  max_group_contracts: { title: 'Contracts of the group', short: 'group contracts', unit: 'contracts' },
  gross_exposure: { title: 'Gross exposure', short: 'gross exposure', unit: 'money' },
  net_exposure: { title: 'Net exposure', short: 'net exposure', unit: 'money' },
  group_exposure: { title: 'Exposure of the group', short: 'group exposure', unit: 'money' },
  daily_loss: { title: "The day's loss", short: "day's loss", unit: 'money' },
  drawdown: { title: 'Drawdown from the peak', short: 'drawdown', unit: 'money' },
  margin_pct: { title: 'Margin after, of the account', short: 'margin', unit: 'percent' },
  price_band_pct: { title: 'Price from the market', short: 'price band', unit: 'percent' },
  orders_per_minute: { title: 'Orders within a minute', short: 'order rate', unit: 'count' },
  duplicate_s: { title: 'Age of the same order', short: 'duplicates', unit: 'seconds', isLeast: true },
  stale_quote_s: { title: 'Age of the quote', short: 'quote age', unit: 'seconds' },
  days_to_notice: { title: 'Business days to notice', short: 'days to notice', unit: 'days', isLeast: true },
  no_open_before_close_minutes: { title: 'Session ends in', short: 'session end', unit: 'minutes', isLeast: true },
  flat_by_close: { title: 'Flat by the close', short: 'flat by the close', unit: 'minutes', isLeast: true },
  tradable: { title: 'Tradable', short: 'tradable', unit: 'count' },
  kill_switch: { title: 'Kill switch', short: 'kill switch', unit: 'count' },
  account: { title: 'Account takes orders', short: 'account', unit: 'count' },
  break: { title: 'No break with the broker', short: 'break', unit: 'count' },
  session: { title: 'Session is open', short: 'session', unit: 'count' },
  quote: { title: 'A price to trade at', short: 'quote', unit: 'count' },
  flattening: { title: 'Only reduces the position', short: 'flattening', unit: 'count' },
};

/** Return the figure or the limit of a rule as it is written. */
export function figureOf(rule: string, value: string): string {
  switch (RULES[rule]?.unit) {
    case 'money':
      return format.money(value);
    case 'percent':
      return format.rate(value, 2);
    case 'seconds':
      return `${format.plainNumber(value, 1)} s`;
    case 'minutes':
      return `${format.size(value)} min`;
    case 'days':
      return `${format.size(value)} d`;
    case 'contracts':
    case 'count':
      return format.size(value);
    default:
      return format.asSet(value);
  }
}

/** Return how much of its limit a figure uses, 1 is all; null where that makes no sense. */
export function shareOf(check: Pick<CheckRow, 'rule' | 'figure' | 'limit'>): number | null {
  if (check.figure === null || check.limit === null || RULES[check.rule]?.isLeast) return null;
  const [figure, limit] = [Number(check.figure), Number(check.limit)];
  if (!Number.isFinite(figure) || !(limit > 0)) return null;
  return Math.abs(figure) / limit;
}
