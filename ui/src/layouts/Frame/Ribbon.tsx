import { Link } from '@tanstack/react-router';
import { useRef } from 'react';

import { Percent, Price } from '@/components/figures/figures';
import { LiveSignal, SignalChip } from '@/components/figures/Signal';
import { useCell } from '@/hooks/useCell';
import { total } from '@/services/desk';
import { useInstruments } from '@/hooks/useInstruments';
import { useSlowField } from '@/hooks/useQuote';
import * as format from '@/services/format';
import { notationOf, quotes } from '@/services/quotes';

import css from './Frame.module.css';

/** Symbol, last and per cent of every instrument, at the foot of every page. */
export function Ribbon() {
  const { instruments } = useInstruments();
  return (
    <div className={css.ribbon} role="group" aria-label="Ribbon of quotes">
      <RibbonTotal />
      {instruments.map(({ symbol }) => (
        <RibbonQuote key={symbol} symbol={symbol} />
      ))}
    </div>
  );
}

/** The TOTAL, where the window is wide enough. */
function RibbonTotal() {
  const found = useCell(total);
  if (!found) return null;
  return (
    <Link to="/total" className={`${css.quote} ${css.ribbonTotal}`}>
      <b>TOTAL</b>
      <SignalChip signal={found.composite_signal} reason="no symbol has one" />
    </Link>
  );
}

/** What a change in per cent may need: an arrow, a sign, four digits, a point. */
const PERCENT_DIGITS = 8;

function RibbonQuote({ symbol }: { symbol: string }) {
  const last = useSlowField(symbol, 'last');
  const state = useSlowField(symbol, 'state');
  const notation = notationOf(quotes.instrument(symbol));
  // As wide as the price ever was: a shorter one moves nothing.
  const widest = useRef(0);
  widest.current = Math.max(widest.current, format.price(last, notation).length);
  const digits = symbol.length * 1.2 + widest.current + PERCENT_DIGITS;
  return (
    <Link
      to="/chart/$symbol"
      params={{ symbol }}
      className={css.quote}
      style={{ flexBasis: `calc(${digits}ch + 12px)` }}
      data-state={state ?? undefined}
    >
      <b>{symbol}</b>
      <Price value={last} notation={notation} />
      <span className={css.percent}>
        <LiveSignal symbol={symbol} isShort />
        <Percent value={useSlowField(symbol, 'net_change_percent')} />
      </span>
    </Link>
  );
}
