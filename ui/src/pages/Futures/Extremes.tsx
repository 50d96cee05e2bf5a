import { Price } from '@/components/figures/figures';
import { EXTREMES } from '@/components/figures/Extreme';
import { Panel } from '@/components/panel/Panel';
import { SymbolLink } from '@/components/SymbolLink';
import { useCell } from '@/hooks/useCell';
import { useZone } from '@/hooks/useZone';
import { extremes } from '@/services/desk';
import * as format from '@/services/format';
import { notationOf, quotes } from '@/services/quotes';

import css from './Futures.module.css';
import { extremesSql } from './sql';

/** The new highs and lows of the newest trade date; nothing where there are none. */
export function Extremes() {
  const all = useCell(extremes);
  const zone = useZone();
  const day = all.reduce((newest, one) => (one.trade_date > newest ? one.trade_date : newest), '');
  const found = all.filter((one) => one.trade_date === day);
  if (found.length === 0) return null;
  return (
    <Panel
      title="New highs and lows"
      meta={`the first price beyond all trade dates before · trade date ${format.date(day)}`}
      sql={{ statement: () => extremesSql(day), gives: `${found.length} ${found.length === 1 ? 'row' : 'rows'}` }}
    >
      <ul className={css.extremes} aria-label="New highs and lows">
        {found.map(({ symbol, kind, at, price, previous, previous_on }) => (
          <li key={`${symbol} ${kind}`}>
            <SymbolLink symbol={symbol} />
            <b className={kind.includes('HIGH') ? 'up' : 'down'}>{EXTREMES[kind][1]}</b>
            <Price value={price} notation={notationOf(quotes.instrument(symbol))} />
            <span className="muted small">
              beyond <Price value={previous} notation={notationOf(quotes.instrument(symbol))} /> of{' '}
              {format.date(previous_on)}, at {format.time(at, zone)}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
