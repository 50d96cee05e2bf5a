import { Panel } from '@/components/panel/Panel';
import { LiveAge, LivePercent, LivePrice } from '@/components/figures/live';
import { Sparkline } from '@/components/graphics/Sparkline';
import { SymbolLink } from '@/components/SymbolLink';
import { useLastHour } from '@/hooks/useBoard';
import { useField } from '@/hooks/useQuote';
import { now } from '@/hooks/useQuote';
import { moment } from '@/services/sql';
import type { Instrument } from '@/types/domain';

import css from './Futures.module.css';

/** On the largest windows: the last hour of every symbol, each on its own scale. */
export function Minis({ instruments }: { instruments: readonly Instrument[] }) {
  const statement = () => {
    const at = moment(now());
    return `select symbol, bar_start, close
from market.bars_1m
where close is not null
  and bar_start > ${at} - interval '1 hour' and bar_start <= ${at}
order by symbol, bar_start;`;
  };
  return (
    <Panel title="Last hour, all" meta="each on its own scale" sql={{ statement }} className={css.minisPanel}>
      <div className={css.minis}>
        {instruments.map(({ symbol }) => (
          <Mini key={symbol} symbol={symbol} />
        ))}
      </div>
    </Panel>
  );
}

function Mini({ symbol }: { symbol: string }) {
  const points = useLastHour(symbol);
  return (
    <article className={css.mini} data-state={useField(symbol, 'state') ?? undefined}>
      <header>
        <SymbolLink symbol={symbol} />
        <LivePrice symbol={symbol} field="last" />
        <LivePercent symbol={symbol} hasArrow />
        <span className="spacer" />
        <span className="tiny dim">
          <LiveAge symbol={symbol} />
        </span>
      </header>
      <Sparkline points={points} width={400} height={110} label={`${symbol}, last hour`} isFilled />
    </article>
  );
}
