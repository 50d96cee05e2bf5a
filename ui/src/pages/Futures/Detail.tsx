import { Panel } from '@/components/panel/Panel';
import { Change, Money, Percent, Plain, Price, Rate } from '@/components/figures/figures';
import { Sparkline } from '@/components/graphics/Sparkline';
import { Empty } from '@/components/states/states';
import { useLastHour } from '@/hooks/useBoard';
import { useField, useFields } from '@/hooks/useQuote';
import { negated } from '@/services/decimal';
import { notationOf, quotes } from '@/services/quotes';

import { Basis } from './columns';

import css from './Futures.module.css';
import { hourSql } from './sql';

const FIELDS = [
  'basis',
  'open',
  'open_prev_percent',
  'range_diff',
  'range_percent',
  'below_high_52w_diff',
  'below_high_52w_percent',
  'above_low_52w_diff',
  'above_low_52w_percent',
] as const;

/** The row that is selected, in full: its last hour and its sources. */
export function Detail({ symbol }: { symbol: string }) {
  const contract = useField(symbol, 'contract');
  const instrument = quotes.instrument(symbol);
  return (
    <Panel
      title={symbol}
      meta={`${[instrument?.name, contract].filter(Boolean).join(' · ')} · follows the selected row: arrows move it, Enter opens the chart`}
      sql={{ statement: () => hourSql(symbol), gives: '60 rows' }}
    >
      <div className={css.detail}>
        <LastHour symbol={symbol} />
        <Figures symbol={symbol} />
      </div>
    </Panel>
  );
}

function LastHour({ symbol }: { symbol: string }) {
  const points = useLastHour(symbol);
  if (points.length < 2) {
    return <Empty title={`No trade of ${symbol} in the last hour.`}>Its chart has older bars.</Empty>;
  }
  const notation = notationOf(quotes.instrument(symbol));
  return (
    <div className={css.hour}>
      <div className={css.hourLine}>
        <Sparkline points={points} width={560} height={150} label={`${symbol}, closes of the last hour`} isFilled />
      </div>
      <span className={`${css.hourEnds} tiny dim`}>
        <Price value={Math.max(...points)} notation={notation} />
        <span>last hour</span>
        <Price value={Math.min(...points)} notation={notation} />
      </span>
    </div>
  );
}

function Figures({ symbol }: { symbol: string }) {
  const row = useFields(symbol, FIELDS);
  const instrument = quotes.instrument(symbol);
  const notation = notationOf(instrument);
  return (
    <dl className={css.figures}>
      <dt>Previous close</dt>
      <dd>
        <Price value={row?.basis} notation={notation} /> <Basis symbol={symbol} />
      </dd>
      <dt>Open</dt>
      <dd>
        <Price value={row?.open} notation={notation} /> <Percent value={row?.open_prev_percent} />
      </dd>
      <dt>Day range</dt>
      <dd>
        <Price value={row?.range_diff} notation={notation} />{' '}
        <span className="dim">
          <Rate value={row?.range_percent} places={2} />
        </span>
      </dd>
      <dt>From 52 w high</dt>
      <dd>
        <Change value={negated(row?.below_high_52w_diff)} notation={notation} isQuiet />{' '}
        <span className="dim">
          <Percent value={negated(row?.below_high_52w_percent)} isQuiet />
        </span>
      </dd>
      <dt>From 52 w low</dt>
      <dd>
        <Change value={row?.above_low_52w_diff} notation={notation} isQuiet />{' '}
        <span className="dim">
          <Percent value={row?.above_low_52w_percent} isQuiet />
        </span>
      </dd>
      <dt>Tick</dt>
      <dd>
        <Tick symbol={symbol} /> = <Money value={instrument?.tick_value} />
      </dd>
      <dt>Margin</dt>
      <dd>
        <Money value={instrument?.margin} />
      </dd>
    </dl>
  );
}

function Tick({ symbol }: { symbol: string }) {
  const instrument = quotes.instrument(symbol);
  const notation = notationOf(instrument);
  if (notation.kind === '32nds') return <>1/32</>;
  return <Plain value={instrument?.tick_size} places={notation.places} />;
}
