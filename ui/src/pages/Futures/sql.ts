/** The selects of the futures page, as of the moment of the request. */

import { now } from '@/hooks/useQuote';
import { SET } from '@/services/desk';
import { literal, moment } from '@/services/sql';

function from(signal: string): string {
  const at = moment(now());
  return `from market.quote_metrics(${at})
left join (
    select symbol, ${signal} from studies.signals_at(${at})
) as desk using (symbol)`;
}

/** A mean at the instrument's own precision, as shown on the page: halves of a 32nd for bonds. */
const VWAP = `case when tick_size in (0.03125, 0.015625) then round(vwap * 64) / 64
         else round(vwap, display_precision) end as vwap`;

/** Who has no quote is a row of dashes on the page, and no row here. */
const ROWS = 'where source is not null';

export function tableSql(): string {
  return `select symbol, last, net_change, round(net_change_percent, 2) as net_change_percent,
       signal, bid_size, bid, ask, ask_size, spread_ticks, volume,
       ${VWAP},
       low, open, high, low_52w, high_52w, source, heard_age_ms, state
${from('signal')}
${ROWS}
order by sort_order, symbol;`;
}

export function heatmapSql(): string {
  return `select symbol, last, round(net_change_percent, 2) as net_change_percent,
       spread_ticks, state, heard_age_ms
from market.quote_metrics(${moment(now())})
${ROWS}
order by sort_order, symbol;`;
}

export function cardsSql(): string {
  return `select symbol, last, net_change, round(net_change_percent, 2) as net_change_percent,
       bid, bid_size, ask, ask_size, tick_value, margin, volume,
       ${VWAP},
       spread_ticks, prev_close, open, round(open_prev_percent, 2) as open_prev_percent,
       range_diff, round(range_percent, 2) as range_percent, low, high, low_52w, high_52w,
       round(above_low_52w_percent, 1) as above_low_52w_percent,
       -round(below_high_52w_percent, 1) as below_high_52w_percent,
       signal, contract_weight, stat_value, source, state, heard_age_ms
${from('signal, contract_weight, stat_value')}
${ROWS}
order by sort_order, symbol;`;
}

export function extremesSql(day: string): string {
  return `select symbol, kind, price, previous, previous_on, at
from studies.extreme_events
where trade_date = ${literal(day)}
order by at desc;`;
}

export function totalSql(): string {
  return `select as_of, count, missing, sum_weighted, denominator, round(avg_weighted, 3) as avg_weighted,
       signal_weight_sum, composite_signal, round(score, 3) as score
from studies.total_at(${moment(now())}, '${SET}');`;
}

export function hourSql(symbol: string): string {
  const at = moment(now());
  return `select bar_start, close
from market.bars_1m
where symbol = ${literal(symbol)} and close is not null
  and bar_start > ${at} - interval '1 hour' and bar_start <= ${at}
order by bar_start;`;
}
