import { Link } from '@tanstack/react-router';

import { LivePercent, LivePrice } from '@/components/figures/live';
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
      <LivePrice symbol={symbol} field="last" />
      <span className={css.percent}>
        <LivePercent symbol={symbol} hasArrow />
      </span>
    </Link>
  );
}
