import { Link } from '@tanstack/react-router';
import { useRef } from 'react';

import { LivePercent, LivePrice } from '@/components/figures/live';
import * as format from '@/services/format';
import { notationOf, quotes } from '@/services/quotes';
import { useField } from '@/hooks/useQuote';
import { useInstruments } from '@/hooks/useInstruments';

import css from './Frame.module.css';

/** Symbol, last and per cent of every instrument, at the foot of every page. */
export function Ribbon() {
  const { instruments } = useInstruments();
  return (
    <div className={css.ribbon} role="group" aria-label="Ribbon of quotes">
      {instruments.map(({ symbol }) => (
        <RibbonQuote key={symbol} symbol={symbol} />
      ))}
    </div>
  );
}

function RibbonQuote({ symbol }: { symbol: string }) {
  return (
    <Link
      to="/chart/$symbol"
      params={{ symbol }}
      className={css.quote}
      data-state={useField(symbol, 'state')}
    >
      <b>{symbol}</b>
      <span style={{ minWidth: `${useWidest(symbol)}ch` }}>
        <LivePrice symbol={symbol} field="last" />
      </span>
      <span className={css.percent}>
        <LivePercent symbol={symbol} hasArrow />
      </span>
    </Link>
  );
}

/** How many digits the price had at most, so that a shorter one moves nothing. */
function useWidest(symbol: string): number {
  const last = useField(symbol, 'last');
  const widest = useRef(0);
  const length = format.price(last, notationOf(quotes.instrument(symbol))).length;
  widest.current = Math.max(widest.current, length);
  return widest.current;
}
