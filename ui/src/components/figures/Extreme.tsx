import { useCell } from '@/hooks/useCell';
import { useField } from '@/hooks/useQuote';
import { extremes } from '@/services/desk';
import * as format from '@/services/format';
import { notationOf, quotes } from '@/services/quotes';
import type { DeskExtreme } from '@/types/domain';

import css from './signal.module.css';

export const EXTREMES: Record<DeskExtreme['kind'], [mark: string, word: string]> = {
  ALL_TIME_HIGH: ['ATH', 'All-time high'],
  ALL_TIME_LOW: ['ATL', 'All-time low'],
  HIGH_52W: ['52H', '52-week high'],
  LOW_52W: ['52L', '52-week low'],
};
const KINDS = Object.keys(EXTREMES) as DeskExtreme['kind'][];

/** A mark where a symbol is at a new high or low on its trade date: the farthest one, newest first. */
export function ExtremeMark({ symbol }: { symbol: string }) {
  const day = useField(symbol, 'trade_date');
  const found = useCell(extremes).filter((one) => one.symbol === symbol && one.trade_date === day);
  if (found.length === 0) return null;
  const [one] = found.sort(
    (a, b) => b.at.localeCompare(a.at) || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind),
  );
  const [mark] = EXTREMES[one!.kind];
  const isHigh = one!.kind.endsWith('HIGH') || one!.kind.startsWith('HIGH');
  return (
    <span
      className={`${css.extreme} ${isHigh ? css.buy : css.sell} live`}
      data-way={isHigh ? 'up' : 'down'}
      title={found.map(sentence).join('\n')}
      role="img"
      aria-label={`${symbol}: ${EXTREMES[one!.kind][1]}`}
    >
      {mark}
    </span>
  );
}

/** An event in words: its price, and what it went beyond. */
export function sentence({ symbol, kind, price, previous, previous_on }: DeskExtreme): string {
  const notation = notationOf(quotes.instrument(symbol));
  return `${EXTREMES[kind][1]}: ${format.price(price, notation)}, beyond ${format.price(previous, notation)} of ${format.date(previous_on)}`;
}
